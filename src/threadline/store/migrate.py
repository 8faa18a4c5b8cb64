"""Brings a database to the newest schema when the program starts; Alembic is imported only where steps are due."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, inspect, select

from threadline.domain.errors import Unavailable
from threadline.store.tables import metadata

logger = logging.getLogger(__name__)

NEWEST: Final = "0008"
"""The revision of the newest file in ``migrations/versions``; revisions are numbers of four digits, in order."""

_FOLDER: Final = Path(__file__).parent / "migrations"

# As Alembic itself makes it.
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def upgrade(engine: Engine) -> str | None:
    """Bring the schema to :data:`NEWEST`, all of it or none; returns the revision that was found, None in a new file.

    A new database is made from the tables at once, which gives the same as all the steps. Raises ``Unavailable`` for
    a database that a newer program has written.
    """
    with engine.connect() as conn:
        found = revision(conn)
        if found == NEWEST:
            return found
        if found is not None and found > NEWEST:
            raise Unavailable(
                f"This database has the schema {found}, which is newer than this program knows ({NEWEST}). "
                "Start it with the newer program.",
                surface="store",
            )
        with _transaction(conn):
            found = revision(conn)
            if found is None and not inspect(conn).get_table_names():
                metadata.create_all(conn)
                _version.create(conn)
                conn.execute(_version.insert(), {"version_num": NEWEST})
            elif found != NEWEST:
                run_steps(conn)
                logger.info("the schema was brought from %s to %s", found, NEWEST)
    return found


def revision(conn: Connection) -> str | None:
    """The revision that a database says it has; None where it says nothing."""
    if not inspect(conn).has_table(_version.name):
        return None
    found: str | None = conn.execute(select(_version.c.version_num)).scalar()
    return found


def run_steps(conn: Connection, target: str = NEWEST) -> None:
    """Take every step that is due up to ``target``, inside the transaction of ``conn``."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = conn
    command.upgrade(config, target)


@contextmanager
def _transaction(conn: Connection) -> Iterator[None]:
    if conn.dialect.name != "sqlite":
        with conn.begin():
            yield
        return
    # A step may make a table anew; with foreign keys on, dropping the old one would delete the rows that refer to it.
    conn.exec_driver_sql("PRAGMA foreign_keys=OFF")
    conn.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
        if conn.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise Unavailable("A step of the schema left a reference without its target.", surface="store")
    except BaseException:
        # A full disk has taken it back already, and must be what is told.
        if getattr(conn.connection.driver_connection, "in_transaction", True):
            conn.exec_driver_sql("ROLLBACK")
        raise
    conn.exec_driver_sql("COMMIT")
    conn.exec_driver_sql("PRAGMA foreign_keys=ON")
