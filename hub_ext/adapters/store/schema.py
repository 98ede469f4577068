"""The schema's version: read, brought to the newest, refused when unknown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

from hub_ext.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

# The newest migration. Named here too, so that opening an up-to-date store need not import alembic.
HEAD = "0021"
VERSION_TABLE = "hub_ext_schema"
MIGRATIONS = Path(__file__).parent / "migrations"

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


def revision(connection: Connection) -> str | None:
    """The schema that the database holds; None where it holds none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


def upgrade(connection: Connection) -> None:
    """Bring the schema to HEAD within the caller's transaction: all of it or nothing.

    Raises StoreError where the database was written by a newer hub-ext, or is not ours.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    current = revision(connection)
    if current == HEAD:  # another process was quicker
        return
    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            "The store has schema {current}, which this hub-ext does not know; it knows {newest} at most.",
            advice="A newer hub-ext wrote it: install that one again, or restore the backup made before.",
            current=current,
            newest=HEAD,
        )
    if current is None and (others := inspect(connection).get_table_names()):
        raise StoreError(
            "The database holds tables that are not hub-ext's, such as {name!r}.",
            advice="Give hub-ext a database of its own in c.HubExt.store_url.",
            name=others[0],
        )
    command.upgrade(config, HEAD)


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration without a file, on an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
