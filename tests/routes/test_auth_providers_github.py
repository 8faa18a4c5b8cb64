"""Signing in with GitHub, against a stub that follows its documentation."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.fakes.github import DENIED, FakeGitHub, address
from tests.routes.conftest import House, open_house
from tests.routes.visiting import agree, ask, come_back, failure, query_of, sign_in
from threadline.domain.logins import LoginConfig

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def github() -> AsyncIterator[FakeGitHub]:
    async with FakeGitHub() as fake:
        yield fake


@pytest.fixture(autouse=True)
def calm(github: FakeGitHub) -> None:
    """As it was, after whatever a test did."""
    github.denies = github.refuses = ""
    github.granted, github.down = None, False


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, github: FakeGitHub) -> AsyncIterator[House]:
    config = LoginConfig("github", "github", github.client_id, github.client_secret, base_url=github.url)
    wrong = LoginConfig("wrong", "github", github.client_id, "hush-wrong", base_url=github.url, title="Wrong")
    async with open_house(tmp_path_factory.mktemp("house"), logins=(config, wrong)) as running:
        yield running


async def test_the_first_verified_address_is_taken_and_no_other(house: House, github: FakeGitHub) -> None:
    others = address("old@example.org", primary=False), address("Ada@Example.org")
    github.add(1, "ada", *others, name="Ada Lovelace")
    github.whom = "1"
    visitor = house.visitor()
    guest = await visitor.get("/api/me")
    assert await sign_in(visitor, "github", return_to="/chat/1?x=y") == "/chat/1?x=y"
    me = await visitor.get("/api/me")
    assert (me["id"], me["kind"], me["name"]) == (guest["id"], "registered", "Ada Lovelace")
    assert (me["email"], me["email_verified"], me["has_password"]) == ("ada@example.org", True, False)
    linked = (await visitor.get("/api/auth/identities"))["items"]
    assert [(one["provider"], one["title"], one["email"]) for one in linked] == [
        ("github", "GitHub", "ada@example.org")
    ]


@pytest.mark.parametrize("number", [10, 11, 12, 13])
async def test_an_account_without_an_address_is_one_too(house: House, github: FakeGitHub, number: int) -> None:
    emails = {
        10: [],
        11: [address("eve@example.org", verified=False)],
        12: [address("eve@example.org", primary=False)],
        13: [address("hidden@example.org")],
    }
    github.add(number, f"somebody-{number}", *emails[number])
    github.whom = str(number)
    # Who agrees to less than was asked for hides his addresses.
    github.granted = "read:user" if number == 13 else None
    visitor = house.visitor()
    assert await sign_in(visitor, "github") == "/"
    me = await visitor.get("/api/me")
    assert (me["kind"], me["email"], me["name"]) == ("registered", None, f"somebody-{number}")


async def test_a_number_counts_and_a_login_name_does_not(house: House, github: FakeGitHub) -> None:
    github.add(20, "first")
    github.whom = "20"
    first = house.visitor()
    await sign_in(first, "github")
    # The name was given up, and somebody else has it now.
    github.add(20, "renamed")
    github.add(21, "first")
    github.whom = "21"
    second = house.visitor()
    await sign_in(second, "github")
    github.whom = "20"
    third = house.visitor()
    await sign_in(third, "github")
    ids = [(await one.get("/api/me"))["id"] for one in (first, second, third)]
    assert ids[0] == ids[2] != ids[1]


async def test_who_does_not_agree_is_told_so_in_githubs_words(house: House, github: FakeGitHub) -> None:
    github.denies = DENIED
    visitor = house.visitor()
    told = await failure(visitor, await sign_in(visitor, "github"))
    assert (told["code"], told["words"]) == ("denied", DENIED)
    assert "GitHub asked" in told["message"]
    assert told["action"] == {"label": "Sign in again", "href": "/login"}
    # Only who has just come from there is told it.
    assert (await house.visitor().get("/api/auth/errors/denied"))["words"] is None
    assert (await visitor.get("/api/auth/errors/state_used"))["words"] is None


async def test_a_code_is_good_once(house: House, github: FakeGitHub) -> None:
    github.add(30, "once")
    github.whom = "30"
    visitor = house.visitor()
    back = await agree(await ask(visitor, "github"))
    github.given.clear()
    told = await failure(visitor, await come_back(visitor, back))
    assert (told["code"], told["words"]) == ("code_refused", "The code passed is incorrect or expired.")


async def test_a_code_of_another_sign_in_is_not_taken(house: House, github: FakeGitHub) -> None:
    """PKCE: who steals a code has not its verifier."""
    github.add(31, "stolen")
    github.whom = "31"
    victim, thief = house.visitor(), house.visitor()
    stolen = query_of(await agree(await ask(victim, "github")))["code"]
    own = await agree(await ask(thief, "github"))
    told = await failure(thief, await come_back(thief, own, code=stolen))
    assert told["code"] == "code_refused"


async def test_what_github_refuses_is_told_in_its_words(house: House, github: FakeGitHub) -> None:
    github.refuses = "The user must have a verified primary email."
    visitor = house.visitor()
    told = await failure(visitor, await sign_in(visitor, "github"))
    assert (told["code"], told["words"]) == ("provider_refused", github.refuses)
    told = await failure(visitor, await sign_in(visitor, "wrong"))
    assert (told["code"], told["title"]) == ("provider_refused", "Wrong refused the sign-in")
    assert told["words"] == "The client_id and/or client_secret passed are incorrect."


async def test_github_may_be_down(house: House, github: FakeGitHub) -> None:
    visitor = house.visitor()
    back = await agree(await ask(visitor, "github"))
    github.down = True
    told = await failure(visitor, await come_back(visitor, back))
    assert (told["code"], told["title"], told["words"]) == (
        "provider_unreachable",
        "GitHub could not be reached",
        None,
    )


async def test_no_secret_is_logged_or_shown(house: House, github: FakeGitHub, caplog: pytest.LogCaptureFixture) -> None:
    github.add(40, "quiet")
    github.whom = "40"
    secret, led = [], []
    with caplog.at_level(logging.DEBUG):
        for provider in ("github", "wrong"):
            visitor = house.visitor()
            back = await agree(await ask(visitor, provider))
            secret += [query_of(back)["code"], query_of(back)["state"]]
            led.append(await come_back(visitor, back))
    # The server keeps no log of requests; what pytest catches for itself would be one.
    lines = [record.getMessage() for record in caplog.records if record.name != "uvicorn.access"]
    assert any("signing in through wrong failed" in line for line in lines)
    said = "\n".join([*lines, *house.said, *led])
    assert [one for one in (*secret, "hush-", *github.tokens) if one in said] == []
