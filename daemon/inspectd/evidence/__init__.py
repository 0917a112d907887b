"""Pictures that are kept on purpose: of events, and the last good frames of each camera."""
