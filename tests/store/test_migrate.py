"""Migrations: the steps give the schema of the tables, and a start that finds it imports no Alembic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
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


def test_the_words_of_what_was_deleted_before_are_taken_out_of_the_feeds(tmp_path: Path) -> None:
    engine = engine_for(tmp_path / "old.db")
    feed = [
        {"type": "conversation.created", "conversation": {"id": "kept", "title": "Groceries"}},
        {"type": "conversation.created", "conversation": {"id": "gone", "title": "My diary"}},
        {"type": "message.added", "conversation_id": "hidden", "message": {"parts": ["My diary"]}},
        {"type": "run.queued", "run": {"conversation_id": "gone"}},
        *({"type": "conversation.updated", "conversation": {"id": "gone", "title": str(n)}} for n in range(3000)),
    ]
    with engine.connect() as conn:
        migrate.run_steps(conn, "0002")
        conn.execute(insert(tables.users), {"id": "usr_1", "kind": "guest", "created_at": 1.0})
        for chat, deleted_at in (("kept", None), ("hidden", 2.0)):
            row = {"id": chat, "user_id": "usr_1", "created_at": 1.0, "updated_at": 1.0, "deleted_at": deleted_at}
            conn.execute(insert(tables.conversations), row)
        add = text("INSERT INTO changes (user_id, seq, event, created_at) VALUES ('usr_1', :seq, :event, 1.0)")
        conn.execute(add, [{"seq": seq, "event": orjson.dumps(event).decode()} for seq, event in enumerate(feed)])
    migrate.upgrade(engine)
    forgotten = {"type": "forgotten"}
    with engine.connect() as conn:
        found = conn.execute(text("SELECT event, conversation_id FROM changes ORDER BY seq")).all()
    assert [orjson.loads(row.event) for row in found] == [feed[0], forgotten, forgotten, feed[3], *[forgotten] * 3000]
    assert [row.conversation_id for row in found if row.conversation_id] == ["kept"]


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
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
