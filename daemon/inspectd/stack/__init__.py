"""Real services for a machine without Docker: Apache Kafka, Redis, Triton and PostgreSQL on loopback, under one folder."""
