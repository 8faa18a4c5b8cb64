"""Killed, or cut from the power: what was acknowledged is there, and every unit is there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import func, select

from tests.support.powercut import cut_power
from threadline.store import tables
from threadline.store.database import Store, Tx
from threadline.store.signals import Signals
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

ROOT: Final = Path(__file__).parents[2]
UNPLUGGED: Final = "unplugged"

PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.support.powercut import install
from threadline.store import users
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import SystemWorld

def two_of(name):
    def work(tx):
        users.add(tx, "guest", name)
        users.add(tx, "guest", name)
    return work

async def lane(store, number):
    for turn in range(10_000):
        name = f"{number}.{turn}"
        await store.write(two_of(name))
        print(name, flush=True)

async def main():
    install(Path(sys.argv[1]).parent / "undo")
    store = await Store.open(sys.argv[1], SystemWorld(), Signals())
    await asyncio.gather(*(lane(store, number) for number in range(5)))

asyncio.run(main())
"""


@pytest.mark.parametrize("power", ["stays", UNPLUGGED, 1, 2])
async def test_a_sudden_end_keeps_every_acknowledged_unit_whole(tmp_path: Path, power: str | int) -> None:
    """The power stays on, or all that was not synced is lost, or a part of it, drawn from a seed."""
    path = tmp_path / "threadline.db"
    acknowledged: set[str] = set()
    for count in (40, 230):
        command = [sys.executable, "-c", PROGRAM, str(path)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert writer.stdout is not None
        with writer:
            said = [writer.stdout.readline() for _ in range(count)]
            writer.kill()
            said += writer.stdout.readlines()
        if power != "stays":
            cut_power(tmp_path / "undo", None if power == UNPLUGGED else int(power))
        acknowledged |= {line.strip() for line in said if line.endswith("\n")}

        def names(tx: Tx) -> dict[str, int]:
            query = select(tables.users.c.name, func.count()).group_by(tables.users.c.name)
            return {row[0]: row[1] for row in tx.conn.execute(query)}

        store = await Store.open(path, SystemWorld(), Signals())
        kept = await store.read(names)
        check = await store.read(lambda tx: tx.conn.exec_driver_sql("PRAGMA integrity_check").scalar())
        await store.close()
        assert check == "ok"
        assert acknowledged <= set(kept)
        assert all(number % 2 == 0 for number in kept.values())
