"""What a person does while the server is away is done once it is back, by nobody's hand, also after a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_page import item, menu, named
from tests.browser.test_streaming import plain
from tests.support.fake import Fake
from tests.support.server import Server

CHUNKS = 3000
Tab = Callable[[], Visitor]


@pytest.fixture(autouse=True)
def afterwards(server: Server) -> Iterator[None]:
    """The server is there for each test, however the one before ended."""
    yield
    server.restart()


def streaming(visitor: Visitor, fake: Fake) -> str:
    """Begin a long answer; returns its whole text."""
    whole = plain(fake.text(chunks=CHUNKS))
    visitor.say(fake.prompt(chunks=CHUNKS, pace=0.05))
    visitor.has(whole[:40])
    return whole


def test_a_stop_pressed_while_the_server_is_away_stops_the_answer_once_it_is_back(
    tab: Tab, server: Server, fake: Fake
) -> None:
    visitor = tab().open()
    whole = streaming(visitor, fake)
    server.kill9()
    visitor.at("stop").click()
    expect(visitor.page.get_by_text("Stopping…")).to_be_visible()
    expect(visitor.at("reconnecting")).to_be_visible()
    visitor.shoot("70-stopping")
    server.up()
    visitor.is_over("stopped")
    assert len(visitor.text()) < len(whole)
    expect(visitor.page.get_by_text("Stopping…")).to_have_count(0)
    visitor.comes("Object.keys(localStorage).every(key => !key.includes('wish'))")
    visitor.forgive_the_network()


def test_a_stop_that_did_not_get_through_is_asked_for_again_after_a_reload(tab: Tab, fake: Fake) -> None:
    visitor = tab().open()
    whole = streaming(visitor, fake)
    visitor.page.route("**/stop", lambda route: route.abort())
    visitor.at("stop").click()
    expect(visitor.page.get_by_text("Stopping…")).to_be_visible()
    visitor.page.unroute("**/stop")
    visitor.page.reload()
    visitor.is_over("stopped")
    assert len(visitor.text()) < len(whole)
    visitor.forgive_the_network()


def test_messages_sent_while_the_server_is_away_wait_and_go_by_themselves_in_their_order(
    tab: Tab, server: Server, fake: Fake
) -> None:
    visitor = tab().open()
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    server.kill9()
    for mark in ("First words.", "Second words."):
        visitor.say(fake.prompt(chunks=20, mark=mark))
    expect(visitor.page.get_by_text("Waiting for the server…")).to_have_count(2)
    expect(visitor.at("skeleton")).to_have_count(0)
    # Longer than a person's browser was patient once.
    visitor.page.wait_for_timeout(9_000)
    visitor.shoot("71-waiting")
    expect(visitor.at("error")).to_have_count(0)
    server.up()
    expect(visitor.answers).to_have_count(3)
    visitor.is_over()
    expect(visitor.questions.nth(1)).to_contain_text("First words.")
    expect(visitor.questions.nth(2)).to_contain_text("Second words.")
    expect(visitor.page.get_by_text("Waiting for the server…")).to_have_count(0)
    visitor.forgive_the_network()


def test_a_first_message_that_did_not_get_through_goes_after_a_reload(tab: Tab, fake: Fake) -> None:
    visitor = tab().open()
    visitor.page.route("**/api/chat", lambda route: route.abort())
    visitor.say(fake.prompt(chunks=20, mark="The first of all."))
    expect(visitor.page.get_by_text("Waiting for the server…")).to_be_visible()
    visitor.page.unroute("**/api/chat")
    visitor.page.reload()
    visitor.is_over()
    expect(visitor.questions).to_have_count(1)
    expect(visitor.questions).to_contain_text("The first of all.")
    visitor.forgive_the_network()


def test_a_message_that_waits_or_was_refused_can_be_taken_back_and_written_on(tab: Tab, fake: Fake) -> None:
    visitor = tab().open()
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    visitor.page.route("**/api/chat", lambda route: route.abort())
    visitor.say("Too early.")
    visitor.at("take-back").click()
    expect(visitor.at("composer")).to_have_value("Too early.")
    visitor.page.unroute("**/api/chat")
    error = {"code": "too_large:chat", "message": "Too large.", "status": 413, "request_id": "x", "retryable": False}
    visitor.page.route("**/api/chat", lambda route: route.fulfill(status=413, json={"error": error}))
    visitor.say("Too much.")
    expect(visitor.at("error")).to_contain_text("Too large.")
    expect(visitor.at("retry")).to_be_visible()
    visitor.at("composer").fill("And more.")
    visitor.at("take-back").click()
    expect(visitor.at("composer")).to_have_value("Too much.\n\nAnd more.")
    expect(visitor.at("composer")).to_be_focused()
    expect(visitor.at("error")).to_have_count(0)
    visitor.page.reload()
    expect(visitor.at("composer")).to_have_value("Too much.\n\nAnd more.")
    expect(visitor.questions).to_have_count(1)
    visitor.forgive_the_network()


def rename(visitor: Visitor, before: str, after: str) -> None:
    menu(visitor, item(visitor, before), "rename")
    field = visitor.page.get_by_label("New title")
    field.fill(after)
    field.press("Enter")


def test_a_rename_while_the_server_is_away_is_saved_once_it_is_back(tab: Tab, server: Server) -> None:
    visitor = tab().open()
    (one,) = named(visitor, "Old name")
    visitor.open(f"/chat/{one}")
    expect(visitor.at("conversation-menu")).to_have_attribute("data-state", "closed")
    server.kill9()
    expect(visitor.at("reconnecting")).to_be_visible()
    rename(visitor, "Old name", "Renamed in the dark")
    expect(item(visitor, "Renamed in the dark")).to_contain_text("not saved yet")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Renamed in the dark")
    visitor.shoot("72-renamed-while-away")
    server.up()
    expect(visitor.page.get_by_text("not saved yet")).to_have_count(0)
    expect(item(visitor, "Renamed in the dark")).to_be_visible()
    assert visitor.api("GET", f"/api/conversations/{one}")["title"] == "Renamed in the dark"
    visitor.forgive_the_network()


def test_a_rename_that_did_not_get_through_is_saved_after_a_reload(tab: Tab) -> None:
    visitor = tab().open()
    (one,) = named(visitor, "Before")
    visitor.page.route(f"**/api/conversations/{one}", lambda route: route.abort())
    rename(visitor, "Before", "After")
    expect(item(visitor, "After")).to_be_visible()
    visitor.page.unroute(f"**/api/conversations/{one}")
    visitor.page.reload()
    expect(item(visitor, "After")).to_be_visible()
    visitor.comes("Object.keys(localStorage).every(key => !key.includes('wish'))")
    assert visitor.api("GET", f"/api/conversations/{one}")["title"] == "After"
    visitor.forgive_the_network()


def test_a_rename_that_is_refused_says_why(tab: Tab) -> None:
    visitor = tab().open()
    (one,) = named(visitor, "Mine")
    error = {"code": "rate_limited:api", "message": "Too fast.", "status": 429, "request_id": "x", "retryable": True}
    visitor.page.route(f"**/api/conversations/{one}", lambda route: route.fulfill(status=429, json={"error": error}))
    rename(visitor, "Mine", "Yours")
    expect(visitor.page.get_by_role("alert")).to_have_text("Too fast.")
    visitor.shoot("73-rename-refused")
    visitor.page.keyboard.press("Escape")
    expect(item(visitor, "Mine")).to_be_visible()
    visitor.forgive_the_network()


def test_a_search_while_the_server_is_away_says_that_it_waits_and_is_made_later(tab: Tab, server: Server) -> None:
    visitor = tab().open()
    named(visitor, "Apples and pears", "Bridges of Rome")
    expect(visitor.at("conversation-item")).to_have_count(2)
    visitor.page.clock.install()
    server.kill9()
    expect(visitor.at("reconnecting")).to_be_visible()
    visitor.page.get_by_role("searchbox").fill("bridges")
    expect(visitor.page.get_by_text("The search waits for the server.")).to_be_visible()
    expect(visitor.at("conversation-item")).to_have_count(1)
    visitor.shoot("74-search-waits")
    # Until the page has given up asking by itself.
    for _ in range(10):
        visitor.page.clock.fast_forward(4_000)
        visitor.page.wait_for_timeout(100)
    expect(visitor.page.get_by_text("The search waits for the server.")).to_be_visible()
    server.up()
    expect(visitor.page.get_by_text("The search waits for the server.")).to_have_count(0)
    expect(visitor.at("conversation-item")).to_have_count(1)
    expect(item(visitor, "Bridges of Rome")).to_be_visible()
    visitor.forgive_the_network()
