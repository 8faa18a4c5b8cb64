"""Accounts on the page: a guest registers and keeps his chat, signs out and in, and has his settings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import STATIC, Visitor
from tests.support.fake import Fake
from tests.support.server import Server

Tab = Callable[[], Visitor]
PASSWORD = "three calm words"
LIMIT = 3


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    """A server with a provider that wants users' own keys, and one that cannot be reached; guests may say little."""
    place = tmp_path_factory.mktemp("server")
    shutil.copytree(STATIC, place / "page")
    base = f"http://127.0.0.1:{fake.port}/v1"
    keyed = [
        {"name": "keyed", "kind": "groq", "base_url": base},
        {"name": "away", "kind": "mistral", "base_url": "http://127.0.0.1:9/v1"},
    ]
    settings = {"limit_guest": LIMIT}
    with Server(
        place, [*fake.tables(), *keyed], default_model="fake/fake-model", settings=settings, extras=True
    ) as server:
        server.environment["OUTER_TEST_PAGE"] = str(place / "page")
        yield server


def field(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_label(name, exact=True)


def button(visitor: Visitor, name: str | re.Pattern[str]) -> Locator:
    return visitor.page.get_by_role("button", name=name)


def at(visitor: Visitor, path: str) -> None:
    visitor.page.wait_for_url(f"{visitor.server.url}{path}")


def menu(visitor: Visitor, entry: str) -> None:
    visitor.at("account-menu").click()
    visitor.page.get_by_role("menuitem", name=entry).click()


def registered(tab: Tab, email: str) -> Visitor:
    """A tab of somebody who has registered, with nothing open yet."""
    visitor = tab()
    visitor.api("POST", "/api/auth/register", {"email": email, "password": PASSWORD, "name": "Ada"})
    return visitor


def sign_in(visitor: Visitor, email: str, password: str = PASSWORD) -> None:
    field(visitor, "E-mail").fill(email)
    field(visitor, "Password").fill(password)
    field(visitor, "Password").press("Enter")


def width(visitor: Visitor) -> int:
    found: int = visitor.page.evaluate("document.documentElement.scrollWidth")
    return found


def test_a_guest_registers_keeps_the_chat_and_comes_back_to_it(tab: Tab, fake: Fake) -> None:
    visitor, other = tab().open(), tab().open()
    visitor.say(fake.prompt(chunks=5))
    visitor.is_over()
    chat = visitor.conversation
    menu(visitor, "Keep your chats: register")
    at(visitor, f"/register?return_to=%2Fchat%2F{chat}")
    expect(visitor.page.get_by_text("Everything that you made here as a guest stays yours")).to_be_visible()
    button(visitor, "Register").click()
    email = field(visitor, "E-mail")
    expect(email).to_be_focused()
    expect(email).to_have_accessible_description("Write an e-mail address, like name@example.org.")
    assert visitor.faults() == []
    visitor.shoot("100-register")
    field(visitor, "Name").fill("Ada")
    email.fill("ada@example.org")
    field(visitor, "Password").fill(PASSWORD)
    visitor.at("password-shown").click()
    expect(field(visitor, "Password")).to_have_attribute("type", "text")
    button(visitor, "Register").click()
    at(visitor, f"/chat/{chat}")
    expect(visitor.questions).to_have_count(1)
    for one in (visitor, other):
        expect(one.at("account-menu")).to_have_accessible_name("Account: Ada")
    menu(visitor, "Sign out")
    visitor.page.get_by_role("alertdialog").get_by_role("button", name="Sign out").click()
    for one in (visitor, other):
        expect(one.at("account-menu")).to_have_accessible_name("Account: Guest")
        expect(one.at("conversation-item")).to_have_count(0)
    visitor.page.goto(f"{visitor.server.url}/chat/{chat}")
    visitor.page.get_by_role("link", name="Sign in, if it is yours").click()
    visitor.forgive_the_network()
    sign_in(visitor, "ada@example.org", "a wrong one")
    expect(visitor.page.get_by_role("alert")).not_to_be_empty()
    assert visitor.faults() == []
    visitor.shoot("101-sign-in")
    sign_in(visitor, "ada@example.org")
    at(visitor, f"/chat/{chat}")
    expect(visitor.answers).to_have_count(1)
    expect(other.at("conversation-item")).to_have_count(1)


def test_a_message_that_finds_the_session_ended_is_sent_after_signing_in(tab: Tab, fake: Fake) -> None:
    visitor = registered(tab, "bell@example.org").open()
    visitor.say(fake.prompt(chunks=5))
    visitor.is_over()
    visitor.page.context.clear_cookies()
    visitor.forgive_the_network()
    visitor.say(fake.prompt("kept words", chunks=5))
    expect(visitor.at("error")).to_contain_text("Your session has ended")
    expect(visitor.at("session-ended")).to_be_visible()
    expect(visitor.answers).to_have_count(1)
    visitor.shoot("102-session-ended")
    assert visitor.faults() == []
    visitor.at("error").get_by_role("link", name="Sign in").click()
    sign_in(visitor, "bell@example.org")
    expect(visitor.answers).to_have_count(2)
    visitor.is_over()
    expect(visitor.questions.last).to_contain_text("kept words")
    expect(visitor.at("error")).to_have_count(0)


def test_a_guest_beyond_the_limit_is_told_when_it_is_free_and_may_register(visitor: Visitor, fake: Fake) -> None:
    for _ in range(LIMIT):
        visitor.say(fake.prompt(chunks=5))
        visitor.is_over()
    visitor.forgive_the_network()
    visitor.say(fake.prompt(chunks=5))
    expect(visitor.at("error")).to_contain_text(re.compile(r"Try again (tomorrow )?at \d\d:\d\d"))
    visitor.shoot("103-limit")
    chat = visitor.conversation
    visitor.at("error").get_by_role("link", name="Register").click()
    at(visitor, f"/register?return_to=%2Fchat%2F{chat}")


def test_sessions_are_listed_and_ended(tab: Tab, browser: Browser) -> None:
    visitor = registered(tab, "cora@example.org")
    elsewhere = browser.new_context()
    login = {"email": "cora@example.org", "password": PASSWORD}
    assert elsewhere.request.post(f"{visitor.server.url}/api/auth/login", data=login).ok
    visitor.page.goto(f"{visitor.server.url}/settings/sessions")
    sessions = visitor.at("session")
    expect(sessions).to_have_count(2)
    expect(sessions.filter(has_text="This session")).to_have_count(1)
    visitor.shoot("104-sessions")
    assert visitor.faults() == []
    button(visitor, "End all others").click()
    expect(sessions).to_have_count(1)
    assert elsewhere.request.get(f"{visitor.server.url}/api/me").json()["kind"] == "guest"
    elsewhere.close()


def test_an_access_token_is_shown_once_works_and_is_revoked(tab: Tab) -> None:
    visitor = registered(tab, "dora@example.org")
    visitor.page.goto(f"{visitor.server.url}/settings/tokens")
    button(visitor, "Make a token").click()
    expect(field(visitor, "Name")).to_have_accessible_description("Give it a name, so that you know it again.")
    field(visitor, "Name").fill("My script")
    button(visitor, "Make a token").click()
    token = visitor.at("new-token").inner_text().strip()
    visitor.shoot("105-token")
    assert visitor.faults() == []
    asking = {"authorization": f"Bearer {token}"}

    def status() -> int:
        return visitor.page.request.get(f"{visitor.server.url}/api/conversations", headers=asking).status

    assert status() == 200
    visitor.page.reload()
    expect(visitor.at("token")).to_have_count(1)
    expect(visitor.at("token")).to_contain_text("last used")
    assert token not in visitor.page.content()
    button(visitor, "Revoke “My script”").click()
    visitor.page.get_by_role("alertdialog").get_by_role("button", name="Revoke").click()
    expect(visitor.at("token")).to_have_count(0)
    assert status() == 401


def test_a_key_is_tried_out_kept_and_its_models_light_up(tab: Tab) -> None:
    visitor = registered(tab, "edda@example.org")
    visitor.page.goto(f"{visitor.server.url}/settings/keys")
    row = visitor.at("key-keyed")
    row.get_by_role("button", name="Add").click()
    secret = row.get_by_role("textbox")
    expect(secret).to_be_focused()
    expect(secret).to_have_attribute("autocomplete", "off")
    secret.fill("sk-canary-1234567890")
    row.get_by_role("button", name="Test", exact=True).click()
    expect(row).to_contain_text("takes this key")
    visitor.shoot("106-key")
    assert visitor.faults() == []
    row.get_by_role("button", name="Keep this key").click()
    expect(row).to_contain_text("Ends in 7890")
    assert "sk-canary" not in visitor.page.content()
    away = visitor.at("key-away")
    away.get_by_role("button", name="Add").click()
    away.get_by_role("textbox").fill("sk-canary-0987654321")
    away.get_by_role("button", name="Keep this key").click()
    away.get_by_role("button", name="Test the key").click()
    expect(away.get_by_role("alert")).not_to_be_empty()
    visitor.shoot("107-keys")
    visitor.page.goto(visitor.server.url)
    visitor.at("model-picker").click()
    lit = visitor.page.locator('[role="menuitemradio"][data-model^="keyed/"]:not([data-disabled])').first
    expect(lit).to_be_visible()
    visitor.page.keyboard.press("Escape")
    visitor.page.goto(f"{visitor.server.url}/settings/keys")
    row.get_by_role("button", name="Remove").click()
    visitor.page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(row).to_contain_text("No key.")


def test_what_was_used_is_plotted_and_every_tab_of_the_settings_is_sound(tab: Tab, fake: Fake) -> None:
    visitor = registered(tab, "fern@example.org").open()
    visitor.say(fake.prompt(chunks=5))
    visitor.is_over()
    menu(visitor, "Settings")
    at(visitor, "/settings")
    for number, name in enumerate(("Usage", "Account", "Appearance", "Usage")):
        visitor.page.get_by_role("navigation", name="Settings").get_by_role("link", name=name).click()
        expect(visitor.page.get_by_role("heading", level=2).first).to_be_visible()
        if name == "Usage":
            expect(visitor.at("usage-plot").get_by_role("img").or_(visitor.at("usage-plot"))).to_be_visible()
            expect(visitor.page.get_by_role("table", name="By model")).to_contain_text("fake/fake-model")
            expect(visitor.at("limit-messages")).to_contain_text("1 of 100")
        if name == "Appearance":
            visitor.page.get_by_role("radio", name="Dark").check()
        visitor.shoot(f"108-settings-{number}-{name.lower()}")
        assert visitor.faults() == [], name
    visitor.page.set_viewport_size({"width": 375, "height": 720})
    for name in ("account", "sessions", "tokens", "keys", "usage"):
        visitor.page.goto(f"{visitor.server.url}/settings/{name}")
        expect(visitor.page.get_by_role("heading", level=2).first).to_be_visible()
        expect(visitor.page.get_by_role("status", name="Loading")).to_have_count(0)
        visitor.shoot(f"109-phone-{name}")
        assert width(visitor) <= 375, name
    assert visitor.faults() == []


def test_a_name_is_changed_and_an_account_is_deleted_with_its_password(tab: Tab) -> None:
    visitor = registered(tab, "gala@example.org")
    visitor.page.goto(f"{visitor.server.url}/settings/account")
    field(visitor, "Name").fill("Gala P.")
    button(visitor, "Save the name").click()
    expect(visitor.at("account-menu")).to_have_accessible_name("Account: Gala P.")
    field(visitor, "Current password").fill(PASSWORD)
    field(visitor, "New password").fill("four quite calm words")
    button(visitor, "Change the password").click()
    expect(visitor.page.get_by_text("It counts from now on.")).to_be_visible()
    button(visitor, "Delete your account").click()
    dialog = visitor.page.get_by_role("alertdialog")
    dialog.get_by_label("Your password", exact=True).fill("four quite calm words")
    visitor.shoot("110-delete")
    assert visitor.faults() == []
    dialog.get_by_role("button", name="Delete for good").click()
    expect(visitor.at("account-menu")).to_have_accessible_name("Account: Guest")


def test_a_failed_sign_in_says_why_in_words(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.server.url}/auth/error?code=denied&provider=github")
    expect(visitor.page.get_by_role("heading", name="You did not agree")).to_be_visible()
    visitor.shoot("111-failure")
    assert visitor.faults() == []
    visitor.page.get_by_role("link", name="Sign in again").click()
    expect(field(visitor, "E-mail")).to_be_visible()
