"""``threadline serve`` as the outer tests run it: with tools of their own, and on other storage.

Takes the options of ``threadline serve``. ``OUTER_TEST_FOLDER`` is where the tools write down their calls. Where they
are set, ``OUTER_TEST_POWER`` is the folder of the side files of a file layer that can lose power, ``OUTER_TEST_PAGE``
the built page, and ``OUTER_TEST_LOG=memory`` keeps the log in memory.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tests.support import powercut
from tests.support.extra_tools import extra_tools
from threadline.app.compose import STATIC, Seams
from threadline.app.running import run, serve
from threadline.log.memory import MemoryLog
from threadline.settings import load
from threadline.world import SystemWorld


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args()
    if power := os.environ.get("OUTER_TEST_POWER"):
        powercut.install(Path(power))
    settings = load(os.environ, options.config, host=options.host, port=options.port, data=options.data)
    tools = extra_tools(Path(os.environ["OUTER_TEST_FOLDER"]))
    page = Path(os.environ.get("OUTER_TEST_PAGE", STATIC))
    world = SystemWorld()
    log = MemoryLog(world) if os.environ.get("OUTER_TEST_LOG") == "memory" else None
    run(serve(settings, Seams(world=world, log=log, tools=tools, static=page)))


if __name__ == "__main__":
    main()
