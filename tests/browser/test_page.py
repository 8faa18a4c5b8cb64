"""The page around the thread: list, search, drafts, widths, themes, accessibility, long conversations."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.conftest import STILL, Visitor
from tests.browser.test_streaming import plain
from tests.support.fake import Fake
from tests.support.process import note_figure
from tests.support.seed import long_conversation
from tests.support.server import Server

Tab = Callable[[], Visitor]


def item(visitor: Visitor, title: str) -> Locator:
    return visitor.at("conversation-item").filter(has_text=title)


def named(visitor: Visitor, *titles: str) -> list[str]:
    """Conversations made through the API, for who the page is; returns their ids."""
    assert visitor.until(lambda: bool(visitor.page.context.cookies())), "the page has no session"
    return [visitor.api("POST", "/api/conversations", {"title": title})["id"] for title in titles]


def menu(visitor: Visitor, entry: Locator, action: str) -> None:
    """Open the menu of a conversation in the list and pick an action."""
    entry.hover()
    entry.get_by_role("button").last.click()
    visitor.page.get_by_role("menuitem", name=re.compile(action, re.I)).click()


def test_conversations_appear_in_the_list_of_every_tab_without_a_reload(tab: Tab, fake: Fake) -> None:
    first, second = tab().open(), tab().open()
    first.say(fake.prompt(chunks=20))
    expect(first.at("conversation-item")).to_have_count(1)
    expect(second.at("conversation-item")).to_have_count(1)
    first.is_over()


def test_a_conversation_is_renamed_and_every_tab_shows_it(tab: Tab) -> None:
    first = tab().open()
    named(first, "Old name")
    second = tab().open()
    menu(first, item(first, "Old name"), "rename")
    field = first.at("conversation-list").get_by_role("textbox").last
    field.fill("New name")
    first.shoot("40-renaming")
    field.press("Enter")
    for one in (first, second):
        expect(item(one, "New name")).to_be_visible()
        expect(item(one, "Old name")).to_have_count(0)


def test_a_deleted_conversation_leaves_every_tab(tab: Tab) -> None:
    first = tab().open()
    named(first, "Keep me", "Drop me")
    second = tab().open()
    menu(first, item(first, "Drop me"), "delete")
    first.shoot("41-deleting")
    first.page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    for one in (first, second):
        expect(item(one, "Drop me")).to_have_count(0)
        expect(item(one, "Keep me")).to_be_visible()


def test_search_finds_conversations_by_their_title(visitor: Visitor) -> None:
    named(visitor, "Apples and pears", "Bridges of Rome")
    visitor.page.get_by_role("searchbox").or_(visitor.page.get_by_placeholder(re.compile("search", re.I))).first.fill(
        "bridges"
    )
    expect(item(visitor, "Bridges of Rome")).to_be_visible()
    expect(item(visitor, "Apples and pears")).to_have_count(0)
    visitor.shoot("42-search")


def test_a_draft_survives_a_reload_and_belongs_to_its_conversation(visitor: Visitor) -> None:
    one, two = named(visitor, "One", "Two")
    visitor.open(f"/chat/{one}")
    visitor.at("composer").fill("Half a thought")
    visitor.comes("Object.values(localStorage).some(text => text.includes('Half a thought'))")
    visitor.page.reload()
    expect(visitor.at("composer")).to_have_value("Half a thought")
    visitor.open(f"/chat/{two}")
    expect(visitor.at("composer")).to_have_value("")
    visitor.open(f"/chat/{one}")
    expect(visitor.at("composer")).to_have_value("Half a thought")


def test_shift_enter_breaks_the_line_and_enter_sends(visitor: Visitor, fake: Fake) -> None:
    composer = visitor.at("composer")
    composer.fill("line one")
    composer.press("Shift+Enter")
    composer.type(fake.prompt(chunks=20))
    composer.press("Enter")
    expect(visitor.questions.last).to_contain_text("line one")
    visitor.is_over()
    expect(composer).to_have_value("")


def test_the_page_has_no_serious_accessibility_fault_in_light_and_dark(visitor: Visitor, fake: Fake) -> None:
    assert visitor.faults() == []
    visitor.say(fake.prompt(chunks=20, reasoning=10, tool="count"))
    visitor.is_over()
    visitor.shoot("43-light")
    assert visitor.faults() == []
    light = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    visitor.at("theme-toggle").first.click()
    visitor.comes("light => getComputedStyle(document.body).backgroundColor !== light", light)
    visitor.page.evaluate(STILL)
    visitor.shoot("44-dark")
    assert visitor.faults() == []


def test_the_page_works_at_the_width_of_a_phone(visitor: Visitor, fake: Fake) -> None:
    visitor.page.set_viewport_size({"width": 375, "height": 720})
    visitor.open()
    visitor.say(fake.prompt(chunks=100))
    visitor.is_over()
    visitor.shoot("45-phone")
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 375, f"the page is {wide} px wide"
    assert visitor.faults() == []


def test_a_conversation_of_a_thousand_messages_opens_and_streams(visitor: Visitor, server: Server, fake: Fake) -> None:
    me = visitor.api("GET", "/api/me")
    server.terminate()
    conversation = long_conversation(server.data, me["id"], 1000, "fake/fake-model")
    server.up()
    began = time.monotonic()
    visitor.open(f"/chat/{conversation}")
    expect(visitor.page.get_by_text("Answer number 999", exact=False).first).to_be_visible()
    took = time.monotonic() - began
    note_figure(f"a conversation of 1,000 messages is open after {took:.2f} s")
    visitor.shoot("46-a-thousand-messages")
    assert visitor.page.get_by_test_id("message").count() < 300, "the thread is not virtualised"
    visitor.say(fake.prompt(chunks=200, pace=0.005))
    visitor.is_over()
    visitor.says(plain(fake.text(chunks=200)))
    visitor.shoot("47-a-thousand-messages-streamed")
    visitor.forgive_the_network()
