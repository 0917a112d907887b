"""Words about regions, and whether they are true: claims, facts, verification, questions. No torch, no model."""
