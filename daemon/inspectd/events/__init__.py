"""Defect events: kept in SQL with their outbox, published to Kafka."""
