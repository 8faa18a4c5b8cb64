"""Completes npm locks that were written behind a mirror which lacks the packages of other platforms.

npm leaves out of a lock what it cannot find, and then `npm ci` refuses that lock everywhere. What is missing is known
without the mirror: the parent pins its version, and its name says for which platform it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SYSTEMS = {"aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"}
PROCESSORS = {"arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"}
LIBRARIES = {"gnu": "glibc", "gnueabihf": "glibc", "musl": "musl", "musleabihf": "musl"}


def platform(name: str) -> dict[str, list[str]]:
    """The ``os``, ``cpu`` and ``libc`` that a package such as ``@x/y-linux-arm64-musl`` is for."""
    words = set(name.rsplit("/", 1)[-1].split("-"))
    found = {"os": sorted(words & SYSTEMS), "cpu": sorted(words & PROCESSORS)}
    if "linux" in words:
        found["libc"] = [LIBRARIES[word] for word in sorted(words) if word in LIBRARIES] or ["glibc"]
    return {key: values for key, values in found.items() if values}


def missing(packages: dict[str, Any]) -> dict[str, Any]:
    """The entries that a lock should have and has not."""
    found: dict[str, Any] = {}
    for place, entry in packages.items():
        for name, version in entry.get("optionalDependencies", {}).items():
            at = f"node_modules/{name}"
            if at in packages or f"{place}/{at}" in packages:
                continue
            target = platform(name)
            if not target or not version[0].isdigit():
                raise ValueError(f"{name}@{version} is in no lock, and its name tells no platform")
            marks = {key: entry[key] for key in ("dev", "devOptional") if key in entry}
            found[at] = {"version": version, **marks, "optional": True, **target}
    return found


def complete(lock: Path) -> int:
    """Add to a lock file what it lacks; returns how many entries that were."""
    content = json.loads(lock.read_text())
    packages = content["packages"]
    more = missing(packages)
    if more:
        content["packages"] = dict(sorted({**packages, **more}.items()))
        lock.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return len(more)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: {complete(Path(name))} entries added")
