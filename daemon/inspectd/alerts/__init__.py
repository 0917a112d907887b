"""Who is told of an event, and how often."""
