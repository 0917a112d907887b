"""The region expert's network in other runtimes, and what writes it there."""
