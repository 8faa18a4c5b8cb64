"""``threadline token`` beside a server that runs: made, shown once, listed and revoked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.test_start import run
from tests.support.server import Server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


def token(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``threadline token`` in the server's data folder."""
    return run(server.folder, "token", *arguments, "--data", str(server.data))


def made(server: Server, name: str) -> tuple[str, str]:
    """A new token's id, and the token."""
    lines = token(server, "create", "--name", name).stdout.splitlines()
    return lines[0].split()[0], lines[-1]


def status(server: Server, value: str) -> int:
    """What the server says to who comes with a token."""

    async def ask() -> int:
        headers = {"Authorization": f"Bearer {value}"}
        return (await server.client().call("GET", "/api/me", headers=headers)).status

    return asyncio.run(ask())


def test_a_token_stands_alone_on_the_last_line_and_is_good_at_once(server: Server) -> None:
    done = token(server, "create", "--name", "indexer")
    assert (done.returncode, done.stderr) == (0, "")
    *words, value = done.stdout.splitlines()
    assert value.startswith("tl_")
    assert value == value.strip()
    assert "indexer" in " ".join(words)
    assert value not in " ".join(words)
    assert f"data folder is {server.data.absolute()}." in words[-2]
    assert status(server, value) == 200


def test_the_list_shows_everything_but_the_token(server: Server) -> None:
    id, value = made(server, "listed")
    assert "never used" in next(line for line in token(server, "list").stdout.splitlines() if line.startswith(id))
    assert status(server, value) == 200
    done = token(server, "list")
    [line] = [line for line in done.stdout.splitlines() if line.startswith(id)]
    assert line.split("\t")[:3] == [id, "listed", "listed"]
    assert "used 20" in line
    assert value not in done.stdout
    assert value.removeprefix("tl_") not in done.stdout


def test_a_token_is_for_what_was_said_and_ends_when_it_was_said(server: Server) -> None:
    done = token(server, "create", "--name", "reader", "--scope", "read", "--scope", "openai", "--days", "30")
    id, value = done.stdout.split()[0], done.stdout.splitlines()[-1]
    [line] = [line for line in token(server, "list").stdout.splitlines() if line.startswith(id)]
    assert line.split("\t")[5] == "for read openai"
    assert line.split("\t")[6].startswith("ends 20")

    async def write() -> int:
        headers = {"Authorization": f"Bearer {value}"}
        return (await server.client().call("POST", "/api/conversations", {}, headers=headers)).status

    assert (status(server, value), asyncio.run(write())) == (200, 403)


def test_a_revoked_token_is_worthless_to_a_server_that_has_not_seen_it(server: Server) -> None:
    id, value = made(server, "short-lived")
    done = token(server, "revoke", id)
    assert (done.returncode, done.stdout) == (0, f"{id} is revoked.\n")
    assert status(server, value) == 401
    again = token(server, "revoke", id)
    assert (again.returncode, again.stderr) == (2, "threadline: There is no such token.\n")


def test_what_cannot_be_made_is_said_in_one_line_and_nothing_is_made(server: Server) -> None:
    before = token(server, "list").stdout
    for arguments, reason in (
        (("--name", ""), "name"),
        (("--name", "x" * 101), "name"),
        (("--name", "two\nlines"), "name"),
        (("--name", "script", "--user", "nobody"), "nobody"),
        (("--name", "script", "--scope", "write"), "scopes"),
        (("--name", "script", "--scope", "admin"), "admin"),
        (("--name", "script", "--days", "0"), "days"),
    ):
        done = token(server, "create", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("threadline: ")
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
    assert token(server, "list").stdout == before


def test_where_there_is_no_data_folder_none_is_made_for_a_token(tmp_path: Path) -> None:
    for arguments in (("create", "--name", "early"), ("list",), ("revoke", "tok_1")):
        done = run(tmp_path, "token", *arguments)
        assert (done.returncode, done.stdout) == (3, "")
        assert str(tmp_path) in done.stderr
        assert "--data" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_in_a_folder_that_is_named_a_token_is_made_for_the_server_to_come(tmp_path: Path) -> None:
    server = Server(tmp_path)
    _, value = made(server, "early")
    with server:
        server.up()
        assert status(server, value) == 200
        assert value not in server.output()


def test_a_token_is_in_no_file_of_the_data_folder(server: Server) -> None:
    _, value = made(server, "hidden")
    assert status(server, value) == 200
    for path in server.data.iterdir():
        if path.is_file():
            assert value.encode() not in path.read_bytes(), path


def test_without_a_name_the_command_says_what_it_needs() -> None:
    command = [sys.executable, "-m", "threadline", "token", "create"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "--name" in done.stderr
