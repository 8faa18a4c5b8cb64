"""Starting and ending a real process: the lock, the data folder, what is said, and how fast it goes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.fake import Fake
from tests.support.process import free_port
from threadline import __version__


@contextmanager
def started(folder: Path, *more: str, command: str = "serve") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, and the line with which it said that it is ready."""
    child = subprocess.Popen(
        [sys.executable, "-m", "threadline", command, "--data", str(folder), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder.parent,
    )
    late = threading.Timer(300, child.kill)
    late.start()
    try:
        assert child.stdout is not None
        yield child, child.stdout.readline().strip()
    finally:
        late.cancel()
        child.kill()
        child.communicate()


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    command = [sys.executable, "-m", "threadline", *arguments]
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    return subprocess.run(
        command, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, timeout=1200, check=False
    )


def test_a_server_says_where_it_is_and_leaves_in_peace(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path / "data", "--port", str(port)) as (child, line):
        assert line.startswith(f"Threadline is ready on http://127.0.0.1:{port} (process ")
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=120)
        assert (child.returncode, out, err) == (0, "", "")


def test_ctrl_c_ends_it_too(tmp_path: Path) -> None:
    with started(tmp_path / "data", "--port", "0") as (child, _):
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=120)
        assert child.returncode == 0


def test_a_second_server_is_kept_out_of_the_data_folder(tmp_path: Path) -> None:
    with started(tmp_path / "data", "--port", "0") as (child, _):
        for command in ("serve", "worker", "migrate"):
            done = run(tmp_path, command, "--data", str(tmp_path / "data"))
            assert done.returncode == 3
            assert f"Another server is using this data folder: {tmp_path / 'data'} (process {child.pid})" in done.stderr
            assert "Traceback" not in done.stderr
    with started(tmp_path / "data", "--port", "0") as (_, line):
        assert line.startswith("Threadline is ready")


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path / "data", "--port", str(port)):
        done = run(tmp_path, "serve", "--port", str(port), "--data", str(tmp_path / "other"))
    assert done.returncode == 3
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


def test_a_worker_works_without_a_server(tmp_path: Path) -> None:
    with started(tmp_path / "data", command="worker") as (child, line):
        assert line == "Threadline's worker is ready"
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=120)
        assert child.returncode == 0


def test_a_setting_that_is_wrong_ends_the_start_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", THREADLINE_PORT="eighty")
    assert done.returncode == 2
    assert done.stderr.startswith("threadline: THREADLINE_PORT: must be")
    assert done.stderr.count("\n") == 1


def test_an_option_that_is_wrong_is_refused_as_the_setting_is(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "--port", "eighty")
    assert done.returncode == 2
    assert done.stderr == "threadline: --port: must be a number from 0 to 65535, not 'eighty'.\n"


def test_a_folder_that_cannot_be_used_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(tmp_path, "serve", "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == 3
    assert "--data" in done.stderr


def test_a_folder_that_was_there_keeps_its_rights_and_what_is_written_into_it_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o750)
    folder.chmod(0o750)
    assert run(tmp_path, "migrate", "--data", str(folder)).returncode == 0
    assert folder.stat().st_mode & 0o777 == 0o750
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_lock_that_cannot_be_had_ends_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data" / "lock").mkdir(parents=True)
    done = run(tmp_path, "serve", "--data", str(tmp_path / "data"))
    assert done.returncode == 3
    assert done.stderr.startswith("threadline: The lock in the data folder")
    assert done.stderr.count("\n") == 1
    assert "--data" in done.stderr


def test_a_server_that_is_told_to_go_writes_nothing_of_what_it_had_to_cut(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path / "data", "--port", str(port)) as (child, _):
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
            with socket.create_connection(("127.0.0.1", port)) as other:
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert b" 200 " in other.recv(4096)
            child.send_signal(signal.SIGTERM)
            _, err = child.communicate(timeout=120)
        assert (child.returncode, err) == (0, "")


def test_migrate_brings_the_schema_and_leaves(tmp_path: Path) -> None:
    done = run(tmp_path, "migrate", "--data", str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (0, "The database has the newest schema.\n")
    assert (tmp_path / "data" / "threadline.db").is_file()


def test_the_doctor_finds_nothing_that_keeps_a_server_from_starting(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    place = ("--data", str(tmp_path / "data"), "--port", str(free_port()))
    done = run(tmp_path, "doctor", *place, THREADLINE_OLLAMA_URL=nobody)
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    assert "only the demo answers" in done.stdout


@pytest.mark.parametrize("same", [True, False], ids=["the-same-port", "the-usual-port"])
def test_the_doctor_finds_nothing_wrong_with_a_server_that_runs_here(tmp_path: Path, same: bool) -> None:
    port, data = free_port(), tmp_path / "data"
    with started(data, "--port", str(port)):
        done = run(tmp_path, "doctor", "--data", str(data), "--port", str(port if same else free_port()))
    assert done.returncode == 0, done.stdout
    assert f"A server uses this data folder, and answers on http://127.0.0.1:{port}." in done.stdout
    assert "in use" not in done.stdout
    assert "✗" not in done.stdout


def test_the_doctor_asks_each_provider_for_a_sign_of_life(tmp_path: Path) -> None:
    with Fake(tmp_path) as fake:
        nobody = free_port()
        places = {"here": f"127.0.0.1:{fake.port}/v1", "lost": f"127.0.0.1:{fake.port}", "gone": f"127.0.0.1:{nobody}"}
        tables = (
            f'[[providers]]\nname = "{name}"\nkind = "openai-compatible"\nbase_url = "http://u:hush@{place}"\n'
            for name, place in places.items()
        )
        (tmp_path / "threadline.toml").write_text("".join(tables))
        done = run(tmp_path, "doctor", "--data", str(tmp_path / "data"), "--port", str(free_port()))
    assert done.returncode == 0, done.stdout
    assert f"✓ Provider here answers at 127.0.0.1:{fake.port}." in done.stdout
    assert f"! Provider lost answers at 127.0.0.1:{fake.port}, but gives no list of its models (404)" in done.stdout
    assert f"! Provider gone does not answer at 127.0.0.1:{nobody}: Connection refused." in done.stdout
    assert "hush" not in done.stdout


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"THREADLINE_HOST": "0.0.0.0"}, "put a proxy before it that asks who it is"),
        (
            {"THREADLINE_GUESTS": "off", "THREADLINE_REGISTRATION": "off"},
            "only who has an account or an access token comes in",
        ),
        (
            {
                "THREADLINE_HOST": "0.0.0.0",
                "THREADLINE_GITHUB_CLIENT_ID": "us",
                "THREADLINE_GITHUB_CLIENT_SECRET": "hush",
            },
            "Set THREADLINE_ORIGINS to this server's public address",
        ),
    ],
)
def test_the_doctor_says_who_may_come(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    done = run(tmp_path, "doctor", "--data", str(tmp_path / "data"), "--port", str(free_port()), **environment)
    assert done.returncode == 0, done.stdout
    assert said in done.stdout


def test_the_program_tells_its_version(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert done.returncode == 0
    assert done.stdout.strip() == f"threadline {__version__}"


def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "threadline.toml").write_text(
        '[models]\nchat = "nowhere/x"\n'
        '[[providers]]\nname = "odd"\nkind = "odd"\n'
        '[[providers]]\nname = "o"\nkind = "openai"\n'
    )
    data = tmp_path / "elsewhere" / "data"
    data.parent.mkdir()
    with started(data, command="worker"), socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]
        done = run(tmp_path, "doctor", "--data", str(data), "--port", str(taken), THREADLINE_COLOUR="red")
    assert done.returncode == 1
    said = (
        "The data folder is in use",
        f"Port {taken}",
        "Set OPENAI_API_KEY, or api_key",
        "unknown kind",
        "nowhere/x",
        "THREADLINE_COLOUR",
    )
    for words in said:
        assert words in done.stdout


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('[[providers]]\nname = "odd"\nkind = "odd"\n', "The kinds are anthropic, deepseek,"),
        ('[[providers]]\nname = "l"\nkind = "openai-compatible"\n', "base_url"),
        (
            '[models]\nchat = "nowhere/x"\n',
            "No provider is called 'nowhere' here; there are demo, ollama. Choose another",
        ),
    ],
)
def test_a_provider_or_model_that_can_never_answer_ends_the_start_with_one_line(
    tmp_path: Path, lines: str, words: str
) -> None:
    (tmp_path / "threadline.toml").write_text(lines)
    done = run(tmp_path, "serve", "--data", str(tmp_path / "data"), "--port", str(free_port()))
    assert done.returncode == 3
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_commands_are_those_that_are_told_of(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    for command in ("serve", "worker", "migrate", "doctor"):
        assert command in done.stdout
    assert "..." not in done.stdout.partition("Commands:")[2], "a line is cut off"


@pytest.mark.parametrize("heavy", ["fastapi", "sqlalchemy", "aiohttp", "uvicorn", "rich", "alembic"])
def test_the_command_line_alone_imports_nothing_heavy(heavy: str) -> None:
    code = f"import sys, threadline.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=1200, check=False).returncode == 0


@pytest.mark.parametrize(
    "never",
    ["aiohttp", "alembic", "cryptography", "httpx2", "mcp", "openai", "pydantic_ai", "rich", "structlog"],
)
def test_the_server_does_not_import_what_it_seldom_needs(never: str) -> None:
    code = f"import sys, threadline.app.running; sys.exit({never!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=1200, check=False).returncode == 0


def test_a_fault_in_the_log_is_one_line_of_json_without_what_was_said(tmp_path: Path) -> None:
    code = """
import logging
from threadline.app.logs import configure
configure()
class Foreign(Exception):
    pass
Foreign.__module__ = "sqlalchemy.exc"
try:
    raise Foreign("INSERT ... 'the words of a user'")
except Foreign:
    logging.getLogger("threadline.x").exception("it failed", extra={"run": "run_1"})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=1200, check=True)
    (line,) = done.stderr.splitlines()
    record = json.loads(line)
    assert (record["message"], record["level"], record["run"]) == ("it failed", "error", "run_1")
    assert record["trace"][0] == "sqlalchemy.exc.Foreign"
    assert "words" not in line
