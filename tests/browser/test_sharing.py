"""Sharing on the page: others come by a link, read along live or take part, and are out at once."""

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
OVER = "You cannot read this conversation any more."


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    """A server with a provider that wants users' own keys."""
    place = tmp_path_factory.mktemp("server")
    shutil.copytree(STATIC, place / "page")
    keyed = {"name": "keyed", "kind": "groq", "base_url": f"http://127.0.0.1:{fake.port}/v1"}
    with Server(place, [*fake.tables(), keyed], default_model="fake/fake-model", extras=True) as server:
        server.environment["OUTER_TEST_PAGE"] = str(place / "page")
        yield server


@pytest.fixture
def other(browser: Browser, server: Server) -> Iterator[Visitor]:
    """A second person, in a browser of his own; his page may have no error on its console either."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    page, errors = context.new_page(), list[str]()
    page.on("console", lambda line: errors.append(f"{line.text} @ {line.location}") if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
    visitor = Visitor(page, server, errors)
    yield visitor
    visitor.shoot("end-sharing-other")
    assert not visitor.complaints(), visitor.complaints()
    context.close()


def button(visitor: Visitor, name: str | re.Pattern[str]) -> Locator:
    return visitor.page.get_by_role("button", name=name)


def field(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_label(name, exact=True)


def make_link(visitor: Visitor, may: str) -> str:
    """Make a link in the open dialog; returns its address."""
    visitor.page.get_by_label("Who has it may").select_option(may)
    visitor.at("make-link").click()
    return visitor.at("new-link").inner_text().strip()


def add_key(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.server.url}/settings/keys")
    row = visitor.at("key-keyed")
    row.get_by_role("button", name="Add").click()
    row.get_by_role("textbox").fill("sk-canary-1234567890")
    row.get_by_role("button", name="Keep this key").click()
    expect(row).to_contain_text("Ends in 7890")


def test_from_a_guest_to_a_conversation_that_another_follows_live_until_he_is_out(
    visitor: Visitor, other: Visitor, fake: Fake
) -> None:
    visitor.say(fake.prompt("as a guest", chunks=5))
    visitor.is_over()
    chat = visitor.conversation
    visitor.page.goto(f"{visitor.server.url}/register?return_to=%2Fchat%2F{chat}")
    field(visitor, "Name").fill("Ada")
    field(visitor, "E-mail").fill("ada@example.org")
    field(visitor, "Password").fill(PASSWORD)
    button(visitor, "Register").click()
    visitor.page.wait_for_url(f"{visitor.server.url}/chat/{chat}")
    expect(visitor.questions).to_have_count(1)
    add_key(visitor)
    visitor.open(f"/chat/{chat}")
    visitor.at("model-picker").click()
    lit = visitor.page.locator('[role="menuitemradio"][data-model^="keyed/"]:not([data-disabled])').first
    lit.click()
    visitor.say(fake.prompt("with the key", chunks=5))
    expect(visitor.answers).to_have_count(2)
    visitor.is_over()

    visitor.at("share").click()
    dialog = visitor.at("share-dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Private")).to_be_checked()
    link = make_link(visitor, "observer")
    expect(visitor.at("link")).to_have_count(1)
    expect(dialog.get_by_label("By link")).to_be_checked()
    expect(visitor.at("person")).to_have_count(1)
    assert visitor.faults() == []
    visitor.shoot("120-share")
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(visitor.at("share")).to_be_focused()

    other.page.goto(link)
    expect(other.page.get_by_text("Ada shares this conversation with you. You may read along")).to_be_visible()
    assert other.faults() == []
    other.shoot("121-arrival")
    other.at("open-shared").click()
    other.page.wait_for_url(f"{other.server.url}/chat/{chat}")
    expect(other.at("read-along")).to_be_visible()
    expect(other.answers).to_have_count(2)
    expect(other.at("author").first).to_have_text("Ada")
    visitor.say(fake.prompt("live", chunks=100, pace=0.01, hold_at=50))
    expect(other.answers).to_have_count(3)
    other.has("t40")
    expect(other.answer).to_have_attribute("data-status", "streaming")
    for name in ("composer", "stop", "edit", "regenerate", "share", "model-picker"):
        expect(other.at(name)).to_have_count(0)
    assert other.faults() == []
    other.shoot("122-read-along")
    expect(other.at("conversation-item").get_by_title("Shared by Ada")).to_be_visible()
    fake.go()
    other.is_over()
    visitor.is_over()
    assert other.text() == visitor.text()
    for name in ("edit", "regenerate"):
        expect(other.at(name)).to_have_count(0)

    visitor.at("share").click()
    expect(visitor.at("person")).to_have_count(2)
    button(visitor, "Revoke the link").click()
    visitor.page.get_by_role("alertdialog").get_by_role("button", name="Revoke").click()
    expect(visitor.at("link")).to_have_count(0)
    expect(visitor.at("person")).to_have_count(1)
    expect(other.page.get_by_text(OVER)).to_be_visible()
    expect(other.at("conversation-item")).to_have_count(0)
    assert other.faults() == []
    other.shoot("123-out")
    assert not other.complaints(), other.complaints()
    other.page.goto(link)
    expect(other.page.get_by_role("heading", name="This link does not work any more")).to_be_visible()
    assert other.faults() == []
    other.shoot("124-link-over")
    other.forgive_the_network()


def test_a_participant_writes_under_his_name_and_leaves(visitor: Visitor, other: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt("of the owner", chunks=5))
    visitor.is_over()
    chat = visitor.conversation
    visitor.at("conversation-item").hover()
    visitor.at("conversation-menu").click()
    visitor.page.get_by_role("menuitem", name="Share").click()
    link = make_link(visitor, "participant")
    visitor.page.keyboard.press("Escape")
    other.api("POST", "/api/auth/register", {"email": "bea@example.org", "password": PASSWORD, "name": "Bea"})
    other.page.goto(link)
    other.at("open-shared").click()
    other.say(fake.prompt("of the other", chunks=5))
    expect(other.answers).to_have_count(2)
    other.is_over()
    expect(other.at("author")).to_have_count(1)
    expect(visitor.answers).to_have_count(2)
    expect(visitor.at("author")).to_have_text("Bea")
    expect(visitor.questions.last).to_have_accessible_name("Bea")
    visitor.is_over()
    visitor.shoot("125-participant")
    assert visitor.faults() == []
    other.at("edit").last.click()
    other.at("edit-field").fill(fake.prompt("edited", chunks=5))
    other.at("edit-send").click()
    expect(other.at("sibling-count").first).to_have_text("2/2")
    other.is_over()
    other.at("sibling-prev").first.click()
    expect(other.questions.last).to_contain_text("of the other")
    other.at("conversation-item").hover()
    other.at("conversation-menu").click()
    expect(other.page.get_by_role("menuitem")).to_have_count(1)
    other.page.get_by_role("menuitem", name="Leave").click()
    other.page.get_by_role("alertdialog").get_by_role("button", name="Leave").click()
    other.page.wait_for_url(f"{other.server.url}/")
    expect(other.at("conversation-item")).to_have_count(0)
    # The link still stands: who left may come back.
    other.page.goto(link)
    other.at("open-shared").click()
    other.page.wait_for_url(f"{other.server.url}/chat/{chat}")
    expect(other.questions).to_have_count(2)


def test_a_public_conversation_is_read_by_its_address_until_it_is_private(
    visitor: Visitor, other: Visitor, fake: Fake
) -> None:
    visitor.say(fake.prompt("for all", chunks=5))
    visitor.is_over()
    visitor.page.set_viewport_size({"width": 375, "height": 720})
    visitor.at("share").click()
    dialog = visitor.at("share-dialog")
    dialog.get_by_label("Public").click()
    address = visitor.at("public-address").inner_text().strip()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 375
    box = dialog.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    visitor.page.evaluate("document.documentElement.classList.add('dark')")
    visitor.shoot("126-share-phone-dark")
    assert visitor.faults() == []
    other.page.goto(address)
    expect(other.answers).to_have_count(1)
    expect(other.at("read-along")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    visitor.say(fake.prompt("one more", chunks=5))
    expect(other.answers).to_have_count(2)
    other.is_over()
    visitor.at("share").click()
    dialog.get_by_label("Private").click()
    expect(dialog.get_by_label("Private")).to_be_checked()
    other.forgive_the_network()
    expect(other.page.get_by_text(OVER)).to_be_visible()


def test_an_invitation_for_another_address_says_so_and_a_wrong_address_is_refused(
    visitor: Visitor, other: Visitor, fake: Fake
) -> None:
    visitor.say(fake.prompt(chunks=5))
    visitor.is_over()
    visitor.at("share").click()
    email = field(visitor, "For one e-mail address only (optional)")
    email.fill("no address")
    visitor.at("make-link").click()
    expect(email).to_be_focused()
    expect(email).to_have_accessible_description("Write an e-mail address, like name@example.org.")
    email.fill("cleo@example.org")
    link = make_link(visitor, "observer")
    expect(visitor.at("share-dialog").get_by_label("Private")).to_be_checked()
    other.page.goto(link)
    expect(other.page.get_by_role("heading", name="This invitation is for another address")).to_be_visible()
    assert other.faults() == []
    other.api("POST", "/api/auth/register", {"email": "cleo@example.org", "password": PASSWORD})
    other.page.reload()
    other.at("open-shared").click()
    expect(other.at("read-along")).to_be_visible()
