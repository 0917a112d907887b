"""The SQL schema, its migrations and the engine."""
