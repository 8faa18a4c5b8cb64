"""``threadline user``: whoever runs the server always gets in, and no password is an argument."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from threadline.app import users
from threadline.app.failures import CannotStart, NotUsable
from threadline.domain.errors import Unauthorized
from threadline.log.memory import MemoryLog
from threadline.services.accounts import Accounts
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.services.deletion import Deletion
from threadline.services.passwords import Passwords
from threadline.services.signing_in import SigningIn
from threadline.services.tokens import Tokens
from threadline.settings import Settings
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

PASSWORD = "four words that nobody tries"


def typed(folder: Path, *arguments: str, stdin: str) -> subprocess.CompletedProcess[str]:
    """``threadline user`` with something on its standard input."""
    command = [sys.executable, "-m", "threadline", "user", *arguments, "--data", str(folder)]
    return subprocess.run(command, input=stdin, cwd=folder.parent, capture_output=True, text=True, check=False)


async def comes_in(settings: Settings, email: str, password: str = PASSWORD) -> bool:
    """Whether a server lets somebody in by a password."""
    world = SystemWorld()
    store = await Store.open(settings.store_path, world, Signals())
    try:
        accounts, log = Accounts(store, world), MemoryLog(world)
        conversations = Conversations(store, log, Answers(store, log, world))
        tokens = Tokens(store, world)
        deletion = Deletion(
            store, log, world, accounts=accounts, tokens=tokens, conversations=conversations, guest_days=30
        )
        signing_in = SigningIn(store, world, accounts=accounts, passwords=Passwords(), deletion=deletion)
        opened = await signing_in.login(None, email, password)
        return await accounts.identify(opened.token) is not None
    except Unauthorized:
        return False
    finally:
        await store.close()


async def test_a_password_is_one_line_of_standard_input(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    done = typed(folder, "create", "--email", "Ada@example.org", "--name", "Ada", stdin=f"{PASSWORD}\nmore\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" is the account of ada@example.org, an admin.\n")
    assert await comes_in(Settings(data=folder), "ada@example.org")
    again = typed(folder, "password", "ada@example.org", stdin="short\n")
    assert again.returncode == 2
    assert again.stderr.startswith("threadline: A password has at least 8 characters")
    assert PASSWORD not in done.stdout + done.stderr


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


async def test_the_only_admin_stays_one_also_from_outside(settings: Settings) -> None:
    said: list[str] = []
    await users.create(settings, "ada@example.org", PASSWORD, said.append)
    with pytest.raises(NotUsable, match="only admin"):
        await users.set_role(settings, "ada@example.org", "user", said.append)
    with pytest.raises(NotUsable, match="only admin"):
        await users.set_disabled(settings, "ada@example.org", True, said.append)
    await users.create(settings, "grace@example.org", PASSWORD, said.append, admin=True)
    await users.set_role(settings, "ada@example.org", "user", said.append)
    assert await comes_in(settings, "grace@example.org")


async def test_accounts_are_made_listed_and_changed_from_outside(settings: Settings) -> None:
    said: list[str] = []
    await users.create(settings, "ada@example.org", PASSWORD, said.append)
    await users.create(settings, "grace@example.org", PASSWORD, said.append, name="Grace", admin=True)
    await users.create(settings, "alan@example.org", PASSWORD, said.append)
    assert [line.endswith("an admin.") for line in said] == [True, True, False]
    await users.set_role(settings, "alan@example.org", "admin", said.append)
    await users.set_role(settings, "Ada@example.org", "user", said.append)
    await users.set_disabled(settings, "grace@example.org", True, said.append)
    said.clear()
    await users.show(settings, said.append)
    rows = [line.split("\t")[1:5] for line in said]
    assert rows == [
        ["ada@example.org", "-", "user", "password"],
        ["grace@example.org", "Grace", "admin", "disabled"],
        ["alan@example.org", "-", "admin", "password"],
    ]
    assert not await comes_in(settings, "grace@example.org")
    await users.set_disabled(settings, "grace@example.org", False, said.append)
    assert await comes_in(settings, "grace@example.org")
    await users.set_password(settings, "grace@example.org", PASSWORD + "!", said.append)
    assert not await comes_in(settings, "grace@example.org")
    assert await comes_in(settings, "grace@example.org", PASSWORD + "!")
    assert PASSWORD not in str(said)


async def test_what_cannot_be_is_said(settings: Settings) -> None:
    with pytest.raises(CannotStart):
        await users.show(settings, print)
    await users.create(settings, "ada@example.org", PASSWORD, lambda _line: None)
    for refused in (
        users.create(settings, "ada@example.org", PASSWORD, print),
        users.create(settings, "nonsense", PASSWORD, print),
        users.create(settings, "grace@example.org", "password", print),
        users.set_role(settings, "nobody@example.org", "admin", print),
        users.set_password(settings, "usr_nobody", PASSWORD, print),
    ):
        with pytest.raises(NotUsable):
            await refused
