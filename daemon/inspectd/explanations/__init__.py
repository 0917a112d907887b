"""The words for events: asked, checked, retried, replaced."""
