"""Signing in through a real OpenID Connect server, from the beginning to the end, and what ties the two together."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.routes.conftest import House, begun, open_house
from tests.routes.visiting import LINKING, ask, come_back, failure, path_of, query_of
from tests.support.answers import until_ended
from tests.support.client import Client
from threadline.domain.login_failures import FAILURES
from threadline.domain.logins import LoginConfig

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Where the server is."""
    # It warns of a module that it loads itself.
    with warnings.catch_warnings(record=True):
        from oidc_provider_mock import run_server_in_thread
    with run_server_in_thread(require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> AsyncIterator[House]:
    office = LoginConfig("office", "oidc", "us", "hush-secret", issuer=f"{issuer}/", title="The office")
    home = LoginConfig("home", "oidc", "them", "hush-other", issuer=issuer)
    away = LoginConfig("away", "oidc", "us", issuer="http://127.0.0.1:1", title="Away")
    async with open_house(tmp_path_factory.mktemp("house"), logins=(office, home, away)) as running:
        yield running


async def known(issuer: str, subject: str, **claims: Any) -> None:
    """Let the provider know somebody."""
    reply = await Client(urlsplit(issuer).port or 0).call("PUT", f"/users/{subject}", claims)
    assert reply.status == 204


async def agree(url: str, subject: str, action: str = "authorize") -> str:
    """Say at the provider who one is, and yes; returns the address that it leads back to."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"sub={subject}&action={action}".encode()
    reply = await Client(urlsplit(url).port or 0).call("POST", path_of(url), body, form)
    assert reply.status == 302, reply.body
    return reply.headers["location"]


async def sign_in(visitor: Client, subject: str, provider: str = "office", **asked: str) -> str:
    headers = LINKING if "link" in asked else None
    return await come_back(visitor, await agree(await ask(visitor, provider, headers=headers, **asked), subject))


async def me(visitor: Client) -> dict[str, Any]:
    found: dict[str, Any] = await visitor.get("/api/me")
    return found


async def test_a_guest_signs_in_and_keeps_what_he_made(house: House, issuer: str) -> None:
    await known(issuer, "ada", name="Ada", email="Ada@Example.org", email_verified=True)
    visitor = house.visitor()
    guest = await me(visitor)
    run = await begun(visitor, "Hello")
    before = dict(visitor.cookies)
    assert await sign_in(visitor, "ada", return_to="/settings/account") == "/settings/account"
    now = await me(visitor)
    assert now == {
        **guest,
        "kind": "registered",
        "name": "Ada",
        "email": "ada@example.org",
        "email_verified": True,
        "role": now["role"],
    }
    await until_ended(visitor, run)
    assert len((await visitor.get("/api/conversations"))["items"]) == 1
    # A session that was there before is nobody's.
    assert visitor.cookies["threadline_session"] != before["threadline_session"]
    assert (await me(Client(visitor.port, before)))["kind"] == "guest"


async def test_a_changed_address_is_noted_and_moves_nobody(house: House, issuer: str) -> None:
    await known(issuer, "bea", email="bea@example.org", email_verified=True)
    first, second = house.visitor(), house.visitor()
    await sign_in(first, "bea")
    await known(issuer, "bea", email="beatrice@example.org", email_verified=True)
    await sign_in(second, "bea")
    assert (await me(second))["id"] == (await me(first))["id"]
    assert (await me(second))["email"] == "bea@example.org"
    linked = (await second.get("/api/auth/identities"))["items"]
    assert [one["email"] for one in linked] == ["beatrice@example.org"]


async def test_an_address_that_is_not_verified_is_nobodys(house: House, issuer: str) -> None:
    await known(issuer, "cid", email="cid@example.org", email_verified=True)
    await known(issuer, "not-cid", email="cid@example.org", email_verified=False)
    await known(issuer, "nobody")
    visitors = [house.visitor() for _ in range(3)]
    for visitor, subject in zip(visitors, ("cid", "not-cid", "nobody"), strict=True):
        assert await sign_in(visitor, subject) == "/"
    found = [await me(visitor) for visitor in visitors]
    assert [one["email"] for one in found] == ["cid@example.org", None, None]
    assert len({one["id"] for one in found}) == 3


async def test_an_account_with_a_password_is_linked_from_within(house: House, issuer: str) -> None:
    await known(issuer, "dan", email="dan@example.org", email_verified=True)
    owner, stranger = house.visitor(), house.visitor()
    body = {"email": "dan@example.org", "password": "four common horse words"}
    assert (await owner.call("POST", "/api/auth/register", body)).status == 201
    told = await failure(stranger, await sign_in(stranger, "dan"))
    assert told["code"] == "email_taken"
    assert "sign in with the password first, then link The office in Settings" in told["message"]
    assert (await owner.get("/api/auth/identities"))["items"] == []
    session = owner.cookies["threadline_session"]
    assert await sign_in(owner, "dan", link="1", return_to="/settings/account") == "/settings/account"
    assert owner.cookies["threadline_session"] == session
    assert (await me(owner))["email_verified"]
    assert await sign_in(stranger, "dan") == "/"
    assert (await me(stranger))["id"] == (await me(owner))["id"]
    assert (await owner.call("DELETE", "/api/auth/identities/office")).status == 204
    assert (await owner.call("DELETE", "/api/auth/identities/office")).status == 404


async def test_the_last_way_in_is_kept(house: House) -> None:
    visitor = house.visitor()
    await sign_in(visitor, "eve")
    reply = await visitor.call("DELETE", "/api/auth/identities/office")
    assert (reply.status, reply.json["error"]["code"]) == (409, "conflict:identity")
    await sign_in(visitor, "eve", "home", link="1")
    assert (await visitor.call("DELETE", "/api/auth/identities/office")).status == 204


async def test_an_identity_of_another_is_not_linked(house: House) -> None:
    first, second = house.visitor(), house.visitor()
    await sign_in(first, "fay")
    await sign_in(second, "gus", "home")
    url = await sign_in(second, "fay", link="1")
    assert query_of(url) == {"code": "identity_taken", "provider": "office", "link": "1"}
    assert (await failure(second, url))["action"]["href"] == "/settings/account"


@pytest.mark.parametrize(
    "headers", [None, {"Sec-Fetch-Site": "cross-site"}, {"Referer": "https://evil.example/"}, {"Referer": "http://["}]
)
async def test_nobody_is_led_from_elsewhere_to_link_something(house: House, headers: dict[str, str] | None) -> None:
    visitor = house.visitor()
    await sign_in(visitor, "hal")
    url = await ask(visitor, "home", link="1", headers=headers)
    assert (await failure(visitor, url))["code"] == "link_elsewhere"
    here = {"Referer": f"http://127.0.0.1:{house.port}/settings/account"}
    assert (await ask(visitor, "home", link="1", headers=here)).startswith("http://localhost:")


async def test_who_is_not_signed_in_has_nothing_to_link_to(house: House, visitor: Client) -> None:
    for somebody in (house.visitor(), visitor):
        url = await ask(somebody, "office", link="1", headers=LINKING)
        told = await failure(somebody, url)
        assert told["code"] == "not_signed_in"
        assert told["action"]["href"].startswith("/login?return_to=")


async def test_a_state_is_good_once_also_for_two_at_once(house: House) -> None:
    visitor = house.visitor()
    back = await agree(await ask(visitor, "office", return_to="/chat/2"), "ida")
    both = [Client(house.port, dict(visitor.cookies)) for _ in range(2)]
    led = await asyncio.gather(*(come_back(one, back) for one in both))
    assert sorted(url.partition("?")[0] for url in led) == ["/auth/error", "/chat/2"]
    won, lost = sorted(both, key=lambda one: led[both.index(one)], reverse=True)
    assert (await me(won))["kind"] == "registered"
    assert (await me(lost))["kind"] == "guest"
    assert (await failure(lost, min(led)))["code"] == "state_used"
    assert (await failure(visitor, await come_back(visitor, back)))["code"] == "state_used"


async def test_an_answer_for_another_browser_signs_nobody_in(house: House) -> None:
    """Else somebody could be signed in to another's account, and chat there, by following a link."""
    attacker, victim = house.visitor(), house.visitor()
    back = await agree(await ask(attacker, "office"), "jan")
    for _ in range(2):
        assert (await failure(victim, await come_back(victim, back)))["code"] == "other_browser"
        await ask(victim, "office")
    assert (await me(victim))["kind"] == "guest"
    assert await come_back(attacker, back) == "/"


@pytest.mark.parametrize("state", ["", "unknown", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")])
async def test_a_state_that_is_not_known_signs_nobody_in(house: House, state: str) -> None:
    visitor = house.visitor()
    back = await agree(await ask(visitor, "office"), "kim")
    assert (await failure(visitor, await come_back(visitor, back, state=state)))["code"] == "state_unknown"


async def test_a_code_that_was_used_elsewhere_is_refused_in_the_providers_words(house: House, issuer: str) -> None:
    visitor = house.visitor()
    back = await agree(await ask(visitor, "office"), "lea")
    form = f"grant_type=authorization_code&code={query_of(back)['code']}&redirect_uri="
    form += f"http://127.0.0.1:{house.port}/api/auth/office/callback"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic dXM6eA=="}
    taken = await Client(urlsplit(issuer).port or 0).call("POST", "/oauth2/token", form.encode(), headers)
    assert taken.status == 200, taken.body
    told = await failure(visitor, await come_back(visitor, back))
    assert (told["code"], told["words"]) == ("code_refused", "Invalid 'code' in request.")


async def test_who_does_not_agree_is_told_so(house: House) -> None:
    visitor = house.visitor()
    back = await agree(await ask(visitor, "office"), "mia", "deny")
    told = await failure(visitor, await come_back(visitor, back))
    assert (told["code"], told["title"]) == ("denied", "You did not agree")
    assert "The office asked" in told["message"]


async def test_a_provider_that_is_away_is_told(house: House) -> None:
    visitor = house.visitor()
    told = await failure(visitor, await ask(visitor, "away"))
    assert (told["code"], told["title"]) == ("provider_unreachable", "Away could not be reached")
    assert (await failure(visitor, await ask(visitor, "nobody")))["code"] == "provider_unknown"
    assert (await failure(visitor, await come_back(visitor, "/api/auth/nobody/callback?state=x")))["code"] == (
        "provider_unknown"
    )


async def test_nobody_new_comes_where_nobody_may_register(open_own: Any, issuer: str) -> None:
    office = LoginConfig("office", "oidc", "us", "hush-secret", issuer=issuer)
    async with open_own(logins=(office,), registration=False) as own:
        visitor = own.visitor()
        told = await failure(visitor, await sign_in(visitor, "ned"))
        assert told["code"] == "registration_off"
        providers = await visitor.get("/api/auth/providers")
        assert (providers["passwords"], providers["registration"]) == (True, False)


async def test_who_deletes_his_account_is_somebody_new_when_he_comes_again(house: House, issuer: str) -> None:
    await known(issuer, "pia", email="pia@example.org", email_verified=True)
    visitor = house.visitor()
    await sign_in(visitor, "pia")
    first = await me(visitor)
    assert (await visitor.call("DELETE", "/api/me", {})).status == 204
    assert await sign_in(visitor, "pia") == "/"
    again = await me(visitor)
    assert (again["id"] != first["id"], again["email"]) == (True, "pia@example.org")


async def test_where_guests_are_off_one_signs_in_all_the_same(open_own: Any, issuer: str) -> None:
    office = LoginConfig("office", "oidc", "us", "hush-secret", issuer=issuer)
    async with open_own(logins=(office,), guests=False) as own:
        visitor = own.visitor()
        assert (await visitor.call("GET", "/api/me")).status == 401
        assert await sign_in(visitor, "quin") == "/"
        assert (await me(visitor))["kind"] == "registered"


async def test_what_the_page_of_signing_in_shows_makes_nobody_a_guest(house: House) -> None:
    visitor = house.visitor()
    assert await visitor.get("/api/auth/providers") == {
        "items": [
            {"name": "office", "title": "The office"},
            {"name": "home", "title": "home"},
            {"name": "away", "title": "Away"},
        ],
        "next": None,
        "passwords": True,
        "registration": True,
    }
    await ask(visitor, "office")
    assert list(visitor.cookies) == ["threadline_login"]


async def test_to_look_at_an_address_begins_and_ends_nothing(house: House) -> None:
    visitor = house.visitor()
    assert (await visitor.call("HEAD", "/api/auth/office/login")).status == 204
    back = await agree(await ask(visitor, "office"), "oto")
    assert (await visitor.call("HEAD", path_of(back))).status == 204
    assert await come_back(visitor, back) == "/"


async def test_the_browsers_cookie_is_hidden_from_pages_and_ends_soon(house: House) -> None:
    reply = await house.visitor().call("GET", "/api/auth/office/login")
    attributes = reply.headers["set-cookie"].split("; ")[1:]
    assert sorted(attributes) == ["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax"]
    assert reply.headers["referrer-policy"] == "no-referrer"
    safe = await house.visitor(**{"X-Forwarded-Proto": "https"}).call("GET", "/api/auth/office/login")
    assert safe.headers["set-cookie"].startswith("__Host-threadline_login=")
    assert "Secure" in safe.headers["set-cookie"].split("; ")


async def test_the_provider_sends_back_to_the_address_that_the_server_is_known_by(open_own: Any, issuer: str) -> None:
    office = LoginConfig("office", "oidc", "us", "hush-secret", issuer=issuer)
    origins = ("https://chat.example.org", "https://talk.example.org")
    async with open_own(logins=(office,), origins=origins) as own:
        for host, expected in (
            ("127.0.0.1:9", "https://chat.example.org"),
            ("talk.example.org", "https://talk.example.org"),
        ):
            url = await ask(own.visitor(Host=host), "office")
            assert query_of(url)["redirect_uri"] == f"{expected}/api/auth/office/callback"


async def test_every_failure_has_words_and_something_to_do(house: House) -> None:
    visitor = house.visitor()
    listed = (await visitor.get("/api/auth/errors"))["items"]
    assert [one["code"] for one in listed] == list(FAILURES)
    for one in listed:
        told = await visitor.get(f"/api/auth/errors/{one['code']}?provider=office")
        for words in (told["title"], told["message"], one["title"], one["message"]):
            assert "{" not in words
            assert words[0].isupper()
        assert told["message"].endswith(".")
        assert told["action"]["href"].startswith("/")
    assert len({one["title"] for one in listed}) == len(listed)
    assert (await visitor.call("GET", "/api/auth/errors/nothing")).status == 404
    reference = (await visitor.call("GET", "/auth/error?code=denied", headers={"Accept": "text/html"})).status
    assert reference == 200


async def test_a_program_has_no_say_in_who_signs_in(house: House) -> None:
    program = await house.program("reader")
    for method, path in (("GET", "/api/auth/identities"), ("DELETE", "/api/auth/identities/office")):
        assert (await program.call(method, path)).status == 403
    assert (await house.visitor().call("GET", "/api/auth/identities")).status == 401
