"""``python -m bench [--readme] [NAME …]``: run the benchmarks, print their table, keep it."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from bench import accounts, answers, appends, lengths, process, readers, sockets
from bench.report import Figure, write

ALL: dict[str, Callable[[Path], Awaitable[list[Figure]]]] = {
    "answers": answers.measure,
    "readers": readers.measure,
    "replay": lengths.replay,
    "history": lengths.history,
    "kept": lengths.kept,
    "start": process.start,
    "drain": process.drain,
    "accounts": accounts.measure,
    "appends": appends.measure,
    "sockets": sockets.measure,
}


async def _run(names: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            place = Path(folder) / name
            place.mkdir()
            print(f"measuring {name} …", flush=True)
            figures += await ALL[name](place)
            await asyncio.sleep(1)
    return figures


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(description="Threadline's benchmarks, each beside its limit.")
    parser.add_argument("names", nargs="*", choices=[[], *ALL], help="which; all when none is named")
    parser.add_argument("--readme", action="store_true", help="put the table into the README")
    options = parser.parse_args()
    write(uvloop.run(_run(options.names or list(ALL))), readme=options.readme)


if __name__ == "__main__":
    main()
