"""What goes wrong around the page: odd addresses, lost sessions, refusals, input methods; and where the focus goes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Route, WebSocketRoute, expect

from tests.browser.conftest import Visitor
from tests.browser.test_page import item, menu, named
from tests.browser.test_races import held_back
from tests.browser.test_streaming import plain
from tests.support.fake import Fake
from tests.support.server import Server

Tab = Callable[[], Visitor]
FOCUS = "document.activeElement.closest('[data-conversation-id]')?.dataset.conversationId ?? document.activeElement.id"


def focus_is_at(visitor: Visitor, where: str) -> None:
    visitor.comes(f"where => ({FOCUS}) === where", where)


@pytest.mark.parametrize("path", ["/chat/%", "/chat/%E0%A4%A"])
def test_an_address_that_cannot_be_decoded_is_no_blank_page(tab: Tab, path: str) -> None:
    visitor = tab()
    visitor.page.goto(f"{visitor.server.url}{path}")
    expect(visitor.page.get_by_text("does not exist")).to_be_visible()
    visitor.forgive_the_network()


def test_an_address_that_is_not_there_leads_a_person_on(tab: Tab) -> None:
    visitor = tab()
    visitor.page.goto(f"{visitor.server.url}/nonsense")
    expect(visitor.page.get_by_text("There is nothing here")).to_be_visible()
    visitor.page.get_by_role("link", name="Start a new chat").click()
    expect(visitor.at("composer")).to_be_visible()
    visitor.forgive_the_network()


def test_a_chat_with_a_percent_sign_in_its_id_is_opened(tab: Tab, fake: Fake) -> None:
    visitor = tab().open()
    message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": fake.prompt(chunks=20)}]}
    request = visitor.page.request
    said = request.post(f"{visitor.server.url}/api/chat", data={"id": "50%", "message": message})
    assert said.ok
    visitor.at("conversation-item").first.get_by_role("link").click()
    visitor.is_over()
    visitor.page.reload()
    visitor.is_over()
    visitor.says(plain(fake.text(chunks=20)))


def test_a_page_that_fails_says_so_and_offers_a_reload(tab: Tab) -> None:
    visitor = tab()
    visitor.page.add_init_script(
        "const real = window.matchMedia; window.matchMedia = (query) => {"
        " if (query.includes('50rem') && !sessionStorage.failed) { throw new Error('a fault of the page'); }"
        " return real.call(window, query); };"
    )
    visitor.page.goto(visitor.server.url)
    expect(visitor.at("error")).to_contain_text("a fault of the page")
    visitor.shoot("60-failed")
    visitor.page.evaluate("sessionStorage.failed = 'once'")
    visitor.page.get_by_role("button", name="Reload").click()
    expect(visitor.at("composer")).to_be_visible()
    visitor.errors.clear()


def test_an_escape_of_an_input_method_does_not_stop_the_answer(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=100, pace=0.03))
    visitor.has(plain(fake.text(chunks=100))[:10])
    key = "{key: '%s', isComposing: true, bubbles: true, cancelable: true}"
    for name in ("Escape", "Enter"):
        visitor.page.evaluate(
            f"document.getElementById('composer').dispatchEvent(new KeyboardEvent('keydown', {key % name}))"
        )
    visitor.is_over()
    expect(visitor.questions).to_have_count(1)


def test_the_focus_returns_to_the_row_from_its_menu_its_field_and_its_question(visitor: Visitor) -> None:
    one, _ = named(visitor, "Stays", "Goes")
    entry = item(visitor, "Stays")
    entry.get_by_test_id("conversation-menu").focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("menu")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    focus_is_at(visitor, one)
    for action in ("rename", "delete"):
        menu(visitor, entry, action)
        field = visitor.page.get_by_role("alertdialog").or_(visitor.page.get_by_label("New title"))
        expect(field).to_be_visible()
        visitor.comes("document.activeElement.matches('input, [role=alertdialog] *')")
        visitor.page.keyboard.press("Escape")
        expect(field).to_have_count(0)
        focus_is_at(visitor, one)
    menu(visitor, item(visitor, "Goes"), "delete")
    visitor.page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(item(visitor, "Goes")).to_have_count(0)
    focus_is_at(visitor, "new-chat")


def test_a_suggestion_sends_nothing_where_no_model_is_available(tab: Tab) -> None:
    visitor = tab()
    none: dict[str, Any] = {"items": [], "next": None, "default": None}
    visitor.page.route(re.compile("/api/models"), lambda route: route.fulfill(json=none))
    visitor.open()
    suggestion = visitor.at("suggestion").first
    expect(suggestion).to_have_attribute("aria-disabled", "true")
    suggestion.click(force=True)
    visitor.page.wait_for_timeout(300)
    expect(visitor.at("message")).to_have_count(0)
    assert visitor.page.url.rstrip("/") == visitor.server.url


def test_words_of_a_lost_session_go_as_a_new_chat(context: BrowserContext, visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    before = visitor.conversation
    context.clear_cookies()
    visitor.say(fake.prompt("Lost words.", chunks=20))
    expect(visitor.at("error")).to_contain_text("another session")
    expect(visitor.at("error")).to_contain_text("new chat")
    visitor.at("retry").click()
    visitor.page.wait_for_url(lambda url: before not in url)
    visitor.is_over()
    visitor.says(plain(fake.text(chunks=20)))
    expect(visitor.at("conversation-item")).to_have_count(1)
    visitor.forgive_the_network()


def test_a_page_whose_first_questions_failed_is_live_all_the_same(tab: Tab) -> None:
    first, second = tab().open(), tab()
    failed: list[bool] = []

    def fail_thrice(route: Route) -> None:
        if len(failed) == 3:
            route.continue_()
        else:
            failed.append(True)
            route.abort()

    second.page.route(re.compile("/api/me$"), fail_thrice)
    second.open()
    expect(second.at("conversation-list")).to_contain_text("will be listed here")
    named(first, "Told by the feed")
    expect(item(second, "Told by the feed")).to_be_visible()
    second.forgive_the_network()


def test_a_feed_whose_place_is_gone_is_followed_again(tab: Tab) -> None:
    first, second = tab().open(), tab()
    refused: list[Any] = []

    def lead_astray(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def up(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame.get("stream") == "feed" and len(refused) < 2:
                refused.append(frame)
                frame["after"] = 99_999
            server.send(json.dumps(frame))

        socket.on_message(up)

    second.page.route_web_socket(re.compile("/api/live"), lead_astray)
    second.open()
    named(first, "Not told")
    expect(item(second, "Not told")).to_be_visible()
    for _ in range(600):
        if len(refused) == 2:
            break
        second.page.wait_for_timeout(100)
    assert len(refused) == 2
    named(first, "Told again")
    expect(item(second, "Told again")).to_be_visible()


def test_an_answer_that_ends_while_the_messages_are_on_their_way_is_over(tab: Tab, server: Server, fake: Fake) -> None:
    first = tab().open()
    first.say(fake.prompt(chunks=100, hold_at=50))
    first.has(plain(fake.text(chunks=100))[:10])
    second = tab()

    def end() -> None:
        fake.go()
        first.is_over()

    held_back(second.page, re.compile(r"/messages"), end)
    second.open(f"/chat/{first.conversation}")
    second.is_over()
    expect(second.at("stop")).to_have_count(0)
    expect(second.page.get_by_text("Your next message waits")).to_have_count(0)
    for one in (first, second):
        expect(one.at("conversation-item")).to_have_attribute("data-status", "completed")
    second.says(plain(fake.text(chunks=100)))


def test_two_tabs_keep_what_each_could_not_send(tab: Tab) -> None:
    one, two = tab().open(), tab().open()
    error = {"code": "too_large:chat", "message": "Too large.", "status": 413, "request_id": "x", "retryable": False}
    for visitor, words in ((one, "words of tab one"), (two, "words of tab two")):
        visitor.page.route("**/api/chat", lambda route: route.fulfill(status=413, json={"error": error}))
        visitor.say(words)
        expect(visitor.at("error")).to_have_count(1)
        visitor.forgive_the_network()
    one.page.reload()
    expect(one.page.get_by_text("words of tab one")).to_be_visible()
    two.page.reload()
    expect(two.page.get_by_text("words of tab two")).to_be_visible()
    for visitor in (one, two):
        visitor.forgive_the_network()
