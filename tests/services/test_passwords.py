"""Passwords: what is taken, and how they are kept and compared."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from threadline.domain.errors import BadRequest, Unavailable
from threadline.services.passwords import NOBODYS, Argon2, Passwords, check_new

pytestmark = pytest.mark.anyio

PASSWORD = "four words that nobody tries"


class Held(Argon2):
    """Works only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.at_once, self.most_at_once = 0, 0

    def hash(self, password: str) -> str:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.go.wait(60)
        self.at_once -= 1
        return password


async def test_a_password_fits_what_is_kept_of_it_and_no_other() -> None:
    passwords = Passwords()
    kept = await passwords.hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in kept
    assert await passwords.fits(PASSWORD, kept) == (True, None)
    assert await passwords.fits(PASSWORD + "!", kept) == (False, None)
    assert await passwords.hash(PASSWORD) != kept


async def test_nothing_fits_where_nothing_is_kept() -> None:
    passwords = Passwords()
    for tried in ("", PASSWORD, "A" * 43, NOBODYS):
        assert await passwords.fits(tried, None) == (False, None)


async def test_what_it_is_compared_with_costs_what_a_real_one_costs() -> None:
    """A cheaper or dearer one would tell who has an account."""
    kept = await Passwords().hash(PASSWORD)
    assert NOBODYS.split("$")[:4] == kept.split("$")[:4]
    assert [len(part) for part in NOBODYS.split("$")] == [len(part) for part in kept.split("$")]


async def test_an_older_way_of_keeping_is_replaced_when_it_is_known() -> None:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    old = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=8192, parallelism=1)]).hash(PASSWORD)
    passwords = Passwords()
    fits, update = await passwords.fits(PASSWORD, old)
    assert fits
    assert update is not None
    assert await passwords.fits(PASSWORD, update) == (True, None)
    assert await passwords.fits("another one", old) == (False, None)


async def test_the_same_password_fits_however_the_keyboard_writes_it() -> None:
    passwords = Passwords()
    kept = await passwords.hash("sch\u00f6ne Gr\u00fc\u00dfe")
    assert (await passwords.fits("scho\u0308ne Gru\u0308\u00dfe", kept))[0]


async def test_one_is_worked_on_at_a_time_and_who_comes_when_too_many_wait_is_told() -> None:
    held = Held()
    passwords = Passwords(held)
    waiting = [asyncio.create_task(passwords.hash(str(number))) for number in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await passwords.hash("one too many")
    assert refused.value.retry_after
    held.go.set()
    assert await asyncio.gather(*waiting) == [str(number) for number in range(64)]
    assert held.most_at_once == 1
    assert await passwords.hash("there is room again") == "there is room again"


async def test_the_loop_goes_on_while_a_password_is_worked_on() -> None:
    held = Held()
    task = asyncio.create_task(Passwords(held).hash(PASSWORD))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()
    held.go.set()
    assert await task == PASSWORD


@pytest.mark.parametrize(
    "password",
    [
        *("", "short", "1234567", "x" * 1001),
        *(
            "password",
            "PASSWORD1",
            "12345678",
            "qwertyuiop",
            "iloveyou",
            "trustno1",
            "threadline",
            "ÄÄÄÄÄÄÄÄ",
            "zzzzzzzz",
        ),
        *("ada@example.org", "Ada@Example.org", "ada.lovelace", "Ada Lovelace"),
    ],
)
def test_what_is_short_or_tried_first_is_not_taken(password: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_new(password, "ada@example.org" if "@" in password else "ada.lovelace@example.org", "Ada Lovelace")
    assert refused.value.code == "bad_request:password"


@pytest.mark.parametrize(
    "password", ["qjkw vmzx", "eight888", "ä" * 7 + "ö", "😀😁😂🤣😃😄😅😆", "a b c d e", "x" * 999 + "y", PASSWORD]
)
def test_any_other_of_eight_characters_is_taken_whatever_they_are(password: str) -> None:
    check_new(password, "ada@example.org", None)


async def test_a_password_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    passwords = Passwords()
    await passwords.fits(PASSWORD, await passwords.hash(PASSWORD))
    assert PASSWORD not in caplog.text
