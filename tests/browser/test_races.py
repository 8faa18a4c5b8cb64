"""Answers of the server that arrive late: what the feed told in the meantime must not be lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitor
from tests.browser.test_streaming import plain
from tests.support.fake import Fake

Tab = Callable[[], Visitor]


def held_back(page: Page, path: re.Pattern[str], meanwhile: Callable[[], Any]) -> None:
    """Take the first answer at ``path`` from the server, do ``meanwhile``, and only then hand it to the page."""
    done: list[bool] = []

    def handle(route: Route) -> None:
        if done:
            route.continue_()
            return
        done.append(True)
        answer = route.fetch()
        meanwhile()
        page.wait_for_timeout(700)
        route.fulfill(response=answer)

    page.route(path, handle)


def test_a_conversation_made_while_the_list_is_on_its_way_is_listed(tab: Tab) -> None:
    first = tab().open()
    second = tab()
    made = {"title": "Made in between"}
    held_back(second.page, re.compile(r"/api/conversations\?"), lambda: first.api("POST", "/api/conversations", made))
    second.open()
    for one in (first, second):
        expect(one.at("conversation-item").filter(has_text="Made in between")).to_be_visible()


def test_an_answer_begun_while_the_messages_are_on_their_way_is_shown(tab: Tab, fake: Fake) -> None:
    first = tab().open()
    first.say(fake.prompt(chunks=20))
    first.is_over()

    def ask_again() -> None:
        first.say(fake.prompt("In between.", chunks=100, pace=0.02))
        first.has(plain(fake.text(chunks=100))[:30])

    second = tab()
    held_back(second.page, re.compile(r"/messages"), ask_again)
    second.open(f"/chat/{first.conversation}")
    for one in (first, second):
        expect(one.answers).to_have_count(2)
        one.is_over()
        one.says(plain(fake.text(chunks=100)))
