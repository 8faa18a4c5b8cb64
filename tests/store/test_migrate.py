"""Migrations: the steps give the schema of the tables, and a start that finds it imports no Alembic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, text

from threadline.domain.errors import Unavailable
from threadline.store import migrate, tables
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.store.sqlite import engine_for
from threadline.world import SystemWorld


def schema(path: Path) -> list[tuple[str, str]]:
    with engine_for(path).connect() as conn:
        rows = conn.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"))
        return [(f"{row.type} {row.name} on {row.tbl_name}", " ".join((row.sql or "").split())) for row in rows]


def test_the_steps_give_the_schema_of_the_tables(tmp_path: Path) -> None:
    engine = engine_for(tmp_path / "stepped.db")
    with engine.connect() as conn:
        migrate.run_steps(conn)
        assert compare_metadata(MigrationContext.configure(conn), tables.metadata) == []
    migrate.upgrade(engine_for(tmp_path / "fresh.db"))
    stepped, fresh = schema(tmp_path / "stepped.db"), schema(tmp_path / "fresh.db")
    assert [name for name, _ in stepped] == [name for name, _ in fresh]
    for one, other in zip(stepped, fresh, strict=True):
        assert sorted(one[1].replace(",", " ").split()) == sorted(other[1].replace(",", " ").split())


def test_the_newest_revision_is_the_last_of_the_files() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._FOLDER))
    steps = ScriptDirectory.from_config(config)
    assert steps.get_heads() == [migrate.NEWEST]
    numbers = [step.revision for step in steps.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)


def test_an_older_database_is_brought_forward_and_keeps_its_rows(tmp_path: Path) -> None:
    engine = engine_for(tmp_path / "old.db")
    with engine.connect() as conn:
        migrate.run_steps(conn, "0001")
        conn.execute(insert(tables.users), {"id": "usr_1", "kind": "guest", "created_at": 1.0})
    migrate.upgrade(engine)
    with engine.connect() as conn:
        assert migrate.revision(conn) == migrate.NEWEST
        assert conn.execute(text("SELECT id FROM users")).scalars().all() == ["usr_1"]


def test_a_step_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    with engine_for(path).connect() as conn:
        # A table of this name in a file that has no revision makes the first step fail midway.
        conn.execute(text("CREATE TABLE messages (id TEXT)"))
    before = schema(path)
    with pytest.raises(Exception, match="messages already exists"):
        migrate.upgrade(engine_for(path))
    assert schema(path) == before


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    engine = engine_for(tmp_path / "new.db")
    migrate.upgrade(engine)
    with engine.connect() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer"):
        migrate.upgrade(engine)


@pytest.mark.anyio
async def test_a_start_that_finds_the_newest_schema_imports_no_alembic(tmp_path: Path) -> None:
    path = tmp_path / "threadline.db"
    store = await Store.open(path, SystemWorld(), Signals())
    await store.close()
    program = f"""
import asyncio, sys
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import SystemWorld

async def main():
    store = await Store.open({str(path)!r}, SystemWorld(), Signals())
    await store.close()

asyncio.run(main())
sys.exit("alembic" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
