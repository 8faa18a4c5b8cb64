"""Logins: what ties the end of a sign-in through a provider to its beginning, and how one fails."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from tests.fakes.identity import state_in
from tests.services.conftest import Base, Full
from tests.services.desk import ADA, Desk, desk_of, refused
from threadline.domain.login_failures import LoginFailed
from threadline.services.identities import LOGIN_SECONDS, local

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(base: Base) -> Desk:
    return desk_of(base)


async def test_a_state_is_good_once_and_exactly_one_of_two_at_once_wins(desk: Desk) -> None:
    begun = await desk.begin()
    results = await asyncio.gather(
        *(desk.end(begun, ADA if n == 0 else None, code=f"code-{begun.browser}-{ADA}") for n in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in results) == ["Finished", "LoginFailed"]
    assert {one.code for one in results if isinstance(one, LoginFailed)} == {"state_used"}
    assert len(desk.office.attempts) == 1
    with refused("state_used"):
        await desk.end(begun)


async def test_a_state_is_good_in_its_browser_and_for_its_provider_alone(desk: Desk) -> None:
    begun, other = await desk.begin(), await desk.begin()
    for browser in (None, "", other.browser):
        with refused("other_browser"):
            await desk.end(begun, browser=browser)
    with refused("state_unknown"):
        await desk.end(begun, name="home")
    for state in (None, "", "unknown"):
        with refused("state_unknown"):
            await desk.end(begun, state=state)
    # Nothing of that has used it up.
    assert (await desk.end(begun)).opened is not None


async def test_a_browser_may_begin_several_side_by_side(desk: Desk) -> None:
    first = await desk.begin()
    second = await desk.begin(browser=first.browser)
    assert second.browser == first.browser
    assert (await desk.end(second)).opened is not None
    assert (await desk.end(first)).opened is not None


async def test_a_sign_in_must_be_over_in_ten_minutes(desk: Desk) -> None:
    begun = await desk.begin()
    desk.base.world.ahead += LOGIN_SECONDS + 1
    with refused("state_expired"):
        await desk.end(begun)


async def test_the_secrets_of_a_sign_in_are_kept_as_hashes_and_dropped_with_its_use(desk: Desk) -> None:
    begun = await desk.begin()
    await desk.end(begun)
    attempt = desk.office.attempts[0]
    rows = await desk.base.store.read(lambda tx: str(tx.conn.execute(text("SELECT * FROM logins")).all()))
    for secret in (state_in(begun.url), begun.browser, attempt.verifier, attempt.nonce):
        assert len(secret) >= 43
        assert secret not in rows
        assert secret not in repr((begun, attempt))


async def test_sign_ins_that_nobody_ends_are_forgotten(desk: Desk) -> None:
    await desk.begin()
    desk.base.world.ahead += 2 * 86_400
    await desk.begin()
    count = await desk.base.store.read(lambda tx: tx.conn.execute(text("SELECT count(*) FROM logins")).scalar())
    assert count == 1


@pytest.mark.parametrize(("error", "code"), [("access_denied", "denied"), ("server_error", "provider_refused")])
async def test_what_the_provider_says_is_told_in_its_own_words(desk: Desk, error: str, code: str) -> None:
    begun = await desk.begin(return_to="/chat/1")
    with refused(code) as caught:
        await desk.end(begun, None, code=None, error=error, words="No.\x1b[31m " + "x" * 1000)
    assert caught.value.words is not None
    assert caught.value.words.startswith("No. [31m xxx")
    assert len(caught.value.words) == 300
    with refused("state_used"):
        await desk.end(begun)
    assert await desk.told("session.failed") == [{"method": "office", "reason": code}]


async def test_a_failure_is_written_down_without_what_was_typed(desk: Desk) -> None:
    begun = await desk.begin()
    with refused("code_refused") as caught:
        await desk.end(begun, None)
    assert caught.value.words == "The code passed is incorrect or expired."
    assert await desk.told("session.failed") == [{"method": "office", "reason": "code_refused"}]
    await desk.come()
    assert await desk.told("identity.linked") == [{"provider": "office"}]
    assert await desk.told("session.opened") == [{"method": "office"}]


async def test_a_provider_that_is_away_or_not_there_is_told(desk: Desk) -> None:
    with refused("provider_unknown"):
        await desk.begin("nobody")
    desk.office.fault = LoginFailed("provider_unreachable")
    with refused("provider_unreachable"):
        await desk.begin()


async def test_a_disk_that_is_full_is_a_failure_like_others(desk: Desk) -> None:
    desk.identities._store = Full(desk.base.store)  # type: ignore[assignment]
    with refused("unavailable"):
        await desk.begin()


async def test_begin_as_often_as_you_like_but_not_without_end(desk: Desk) -> None:
    for _ in range(200):
        await desk.begin()
    with refused("too_many"):
        await desk.begin()
    desk.base.world.ahead += 901
    await desk.begin()


@pytest.mark.parametrize("path", ["/", "/chat/1", "/settings/account?tab=1#x", "/a//b", "/%2f%2fevil.example"])
def test_a_path_of_this_server_is_gone_back_to(path: str) -> None:
    assert local(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "chat",
        "//evil.example",
        "/chat/☃",
        "///evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /chat",
        "/chat\r\nset-cookie: a=b",
        "/api/auth/office/login?link=1",
        "/v1/models",
        "/" + "x" * 3000,
    ],
)
def test_nobody_is_sent_elsewhere(path: str) -> None:
    assert local(path) == "/"
