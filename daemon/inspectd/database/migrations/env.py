"""Alembic's entry: runs the migrations on the connection that the engine has opened and locked."""

from alembic import context

from inspectd.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Both databases can take back a CREATE TABLE; Alembic thinks that SQLite cannot.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
