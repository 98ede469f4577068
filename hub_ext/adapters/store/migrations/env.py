"""Run by alembic: migrate on the connection, and in the transaction, of `schema.upgrade`."""

from alembic import context

from hub_ext.adapters.store.schema import VERSION_TABLE
from hub_ext.adapters.store.table_parts import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
