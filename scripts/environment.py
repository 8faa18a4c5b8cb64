"""Makes the environment that `make` runs in: `.venv`, its packages from the hashed locks, Node.js and the built page.

Needs nothing but Python 3.11. Every step is done again only when what it depends on has changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
PIP = BIN / ("pip.exe" if os.name == "nt" else "pip")  # the last that a virtual environment gets
STAMPS = VENV / ".threadline"
LOCKS = ROOT / "requirements"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOT_SOURCE = {"node_modules", "dist", "coverage", "tests", "test-results", ".vite"}
REDIRECTS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")


class SetupError(Exception):
    """The environment could not be made; the message says what to do."""


def run(command: Sequence[object], hint: str, env: Mapping[str, str] | None = None) -> None:
    """Run a command of words and paths, quiet unless it fails; then its last lines and the ``hint`` are the error."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=dict(environment(), **(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise SetupError(f"{tail}\n{hint}")


def environment() -> dict[str, str]:
    """This process's environment, without what would send packages elsewhere, and with caches that can be written."""
    found = {key: value for key, value in os.environ.items() if key not in REDIRECTS}
    if not os.access(os.path.expanduser("~"), os.W_OK):
        caches = STAMPS / "cache"
        found.setdefault("UV_CACHE_DIR", str(caches / "uv"))
        found.setdefault("npm_config_cache", str(caches / "npm"))
        found.setdefault("PIP_CACHE_DIR", str(caches / "pip"))
    return found


def digest(paths: Iterable[Path], *words: str) -> str:
    """One hash over names and contents of files, and over words."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in sorted(paths):
        content = path.read_bytes() if path.is_file() else b""
        total.update(f"\0{path.relative_to(ROOT)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def step(name: str, key: str, work: Callable[[], None], stamp: Path | None = None) -> None:
    """Do ``work`` unless it was done for this ``key``; say so in one line when it was not."""
    stamp = stamp or STAMPS / name.replace(" ", "-")
    if stamp.is_file() and stamp.read_text() == key:
        return
    print(f"setup: {name} …", end="", flush=True)
    began = time.monotonic()
    try:
        work()
    except BaseException:
        print(" failed", flush=True)
        raise
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key)
    print(f" {time.monotonic() - began:.1f} s", flush=True)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other `make` sets up this tree."""
    if os.name == "nt":
        yield
        return
    import fcntl

    with (ROOT / "pyproject.toml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def base_python() -> str:
    """The interpreter below any virtual environment that this one may be of: that may be the very one to be made."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    names = (f"python{sys.version_info.major}.{sys.version_info.minor}", "python3", "python")
    found = filter(None, (shutil.which(name, path=str(Path(sys.base_prefix, "bin"))) for name in names))
    return next(found, sys.executable)


def make_venv() -> None:
    """A virtual environment with pip; on Debian as root the package that can make one is installed first."""
    command = [base_python(), "-m", "venv", "--clear", VENV]
    try:
        run(command, "")
    except SetupError as error:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not _apt_install([package, "python3-venv"]):
            raise SetupError(f"{error}\nPython cannot make virtual environments: install {package}.") from None
        run(command, f"Python still cannot make virtual environments after installing {package}.")


def _apt_install(packages: Sequence[str]) -> bool:
    """Install Debian packages where this is Debian and we are root; whether they are there now."""
    if os.name == "nt" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        try:
            run(command, "", quiet)
        except SetupError as error:
            print(f"\nsetup: {' '.join(command)}: {error}", file=sys.stderr)
            return False
    return True


def _mirrors() -> dict[str, str]:
    """Settings of pip that uv, which reads none of them, needs too: another index, another certificate."""
    found: dict[str, str] = {}
    for setting, variable in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        command = [str(PYTHON), "-m", "pip", "config", "get", f"global.{setting}"]
        known = os.environ.get(f"PIP_{setting.upper().replace('-', '_')}")
        if known is None:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
            known = done.stdout.strip() if done.returncode == 0 else ""
        if known and variable not in os.environ:
            found[variable] = known
    return found


def install_tools() -> None:
    """What pip itself installs: uv, hatchling, Node.js."""
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    run([*pip, "-r", LOCKS / "build.lock"], "pip could not install requirements/build.lock.")
    run([PYTHON, ROOT / "scripts" / "page.py"], "Node.js could not be put into .venv.")


def install_packages(lock: Path) -> None:
    """A lock's packages, beside what is there already."""
    uv = [BIN / "uv", "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes", "-r", lock]
    run(uv, f"uv could not install {lock.relative_to(ROOT)}.", _mirrors())


def install_threadline() -> None:
    """This tree, so that edits count at once."""
    uv = [BIN / "uv", "pip", "install", "--quiet", "--python", PYTHON, "--no-deps", "--no-build-isolation", "-e", ROOT]
    run(uv, "Threadline itself could not be installed.", {"THREADLINE_SKIP_WEB": "1"})


def page_sources() -> list[Path]:
    """Every file that the built page depends on."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT / "web"):
        folders[:] = [name for name in folders if name not in NOT_SOURCE]
        found.extend(Path(folder, name) for name in names)
    return found


def install_npm(where: Path) -> None:
    """The npm packages of a folder, by its lock file."""
    name, locked = where.relative_to(ROOT), where / "package-lock.json"
    if not locked.is_file():
        return
    key = digest([locked, LOCKS / "build.lock"])
    step(f"npm packages of {name}/", key, lambda: page.install(where, BIN), where / "node_modules" / ".threadline")


def set_up_page() -> None:
    """The built page, where there is one to build."""
    if not (ROOT / "web" / "package.json").is_file():
        print("setup: web/ is not here, so the server will have no page", flush=True)
        return
    install_npm(ROOT / "web")
    built = page.static_folder(ROOT) / page.INDEX
    if not built.is_file():
        (STAMPS / "page").unlink(missing_ok=True)
    step("page", digest([*page_sources(), LOCKS / "build.lock"]), lambda: page.build(ROOT, BIN))


def set_up_tests() -> None:
    """What only tests need: other people's clients, and a browser."""
    install_npm(ROOT / "tests" / "clients")
    if any(map(shutil.which, BROWSERS)):
        return
    print("setup: Chromium …", flush=True)
    if not _apt_install(["chromium", "fonts-liberation"]):
        print("setup: no Chromium on PATH: the browser tests will be skipped, and on CI they fail", file=sys.stderr)


def set_up(purpose: str) -> None:
    """All steps for ``run`` or for ``test``."""
    version = sys.version.split()[0]
    if not (PYTHON.exists() and PIP.exists()):
        (STAMPS / "virtual-environment").unlink(missing_ok=True)
        step("virtual environment", version, make_venv)
    step("build tools", digest([LOCKS / "build.lock"], version), install_tools)
    step("packages", digest([LOCKS / "runtime.lock"], version), lambda: install_packages(LOCKS / "runtime.lock"))
    if purpose == "test":
        step("test packages", digest([LOCKS / "dev.lock"], version), lambda: install_packages(LOCKS / "dev.lock"))
    itself = [ROOT / "pyproject.toml", ROOT / "hatch_build.py", ROOT / "src" / "threadline" / "__init__.py"]
    step("threadline", digest(itself, version), install_threadline)
    set_up_page()
    if purpose == "test":
        set_up_tests()


def main() -> int:
    """``environment.py run|test``; 0 when all is there."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have any Python
        said = f"Threadline needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.11 …"
        print(said, file=sys.stderr)
        return 1
    try:
        with alone():
            set_up(sys.argv[1] if len(sys.argv) > 1 else "run")
    except (SetupError, page.PageError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
