"""What every test shares: the event loop, the guard that keeps tests on loopback, hypothesis profiles, recordings."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import hypothesis
import pytest
import uvloop

from tests.support.fake import Fake
from tests.support.server import Server

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}

# Playwright's own Node.js wants a library that a bare Debian lacks; the environment's has all it needs.
if (_NODE := Path(sys.executable).with_name("node")).exists():
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(_NODE))

# Examples are the same in each run and may take their time: a run fails for what was changed, and for nothing else.
_SAME: Final[dict[str, Any]] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("dev", max_examples=50, derandomize=True, **_SAME)
hypothesis.settings.register_profile("ci", max_examples=200, derandomize=True, print_blob=True, **_SAME)
hypothesis.settings.register_profile("explore", max_examples=1000, print_blob=True, **_SAME)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if ON_CI else "dev"))


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The event loop of async tests: uvloop, as in production; ``THREADLINE_TEST_LOOP=asyncio`` picks the plain one."""
    return "asyncio", {"use_uvloop": os.environ.get("THREADLINE_TEST_LOOP", "uvloop") == "uvloop"}


class LeftLoopback(AssertionError):
    """A test tried to reach another machine."""


def _stays_here(family: int, address: Any) -> bool:
    if family == socket.AF_UNIX or not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: socket.socket, address: Any, *rest: Any) -> Any:
        if not _stays_here(self.family, address):
            raise LeftLoopback(f"a test tried to connect to {address!r}; tests stay on loopback")
        return original(self, address, *rest)

    return connect


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Refuse every connection and every name look-up that leaves this machine, in sockets and in both event loops."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        look_up = socket.getaddrinfo

        def getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name is not None and not _stays_here(socket.AF_INET, (name,)) and not _any_address(name):
                raise LeftLoopback(f"a test tried to look up {name!r}; tests stay on loopback")
            return look_up(host, *rest, **named)

        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        _guard_loop(patch, uvloop.Loop)
        yield


def _any_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _guarded_await(original: Callable[..., Any]) -> Callable[..., Any]:
    async def connect(self: Any, sock: socket.socket, address: Any) -> Any:
        if not _stays_here(sock.family, address):
            raise LeftLoopback(f"a test tried to connect to {address!r}; tests stay on loopback")
        return await original(self, sock, address)

    return connect


def _guard_loop(patch: pytest.MonkeyPatch, loop: type[Any]) -> None:
    """uvloop connects in C, past the socket module: guard its two doors."""
    connect, look_up = loop.create_connection, loop.getaddrinfo

    async def create_connection(self: Any, factory: Any, host: Any = None, *rest: Any, **named: Any) -> Any:
        if host is not None and not _stays_here(socket.AF_INET, (host,)):
            raise LeftLoopback(f"a test tried to connect to {host!r}; tests stay on loopback")
        return await connect(self, factory, host, *rest, **named)

    async def getaddrinfo(self: Any, host: Any, *rest: Any, **named: Any) -> Any:
        if host is not None and not _stays_here(socket.AF_INET, (host,)) and not _any_address(str(host)):
            raise LeftLoopback(f"a test tried to look up {host!r}; tests stay on loopback")
        return await look_up(self, host, *rest, **named)

    patch.setattr(loop, "create_connection", create_connection)
    patch.setattr(loop, "sock_connect", _guarded_await(loop.sock_connect))
    patch.setattr(loop, "getaddrinfo", getaddrinfo)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded provider streams."""
    return Path(__file__).parent / "recordings"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fake]:
    """A provider for the file's tests, as a process of its own."""
    with Fake(tmp_path_factory.mktemp("fake")) as provider:
        yield provider


@pytest.fixture
def server(running: Server) -> Server:
    """The file's server (its folder's ``running``), up: a test before may have left it down."""
    if not running.running:
        running.up()
    return running


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one the test is skipped, and on CI it fails."""
    return _tool("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node.js, the environment's own before the machine's; without one skipped, and on CI failed."""
    return _tool("node")


def _tool(*names: str) -> str:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.skip(f"missing tool: {names[0]}; `make test` installs it where it may")


def _skip_is_failure(report: Report) -> Report:
    if ON_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI takes for a failure: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI nothing is left out in silence."""
    return _skip_is_failure((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself counts too."""
    return _skip_is_failure((yield))
