"""Region tokens: computed once, kept for redelivery, explanation and questions."""
