"""How the page is connected: without WebSockets, after a time offline, in more tabs than a browser has connections."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Visitor
from tests.browser.test_streaming import plain
from tests.support.fake import Fake

Tab = Callable[[], Visitor]
TABS = 7
"""One more than the connections that a browser opens to one server."""


def without_sockets(context: BrowserContext) -> None:
    context.add_init_script("window.WebSocket = class { constructor() { throw new Error('no sockets here'); } };")


def test_a_page_without_websockets_follows_by_server_sent_events(context: BrowserContext, tab: Tab, fake: Fake) -> None:
    without_sockets(context)
    whole = plain(fake.text(chunks=100))
    first = tab().open()
    first.say(fake.prompt(chunks=100, pace=0.03, hold_at=90))
    first.has(whole[:30])
    second = tab().open(f"/chat/{first.conversation}")
    second.has(whole[:30])
    first.page.reload()
    first.has(whole[:30])
    fake.go()
    for one in (first, second):
        one.is_over()
        one.says(whole)


@pytest.mark.parametrize("sockets", [True, False], ids=["websocket", "sse"])
def test_seven_tabs_that_stream_do_not_starve_the_stop_button(
    context: BrowserContext, tab: Tab, fake: Fake, sockets: bool
) -> None:
    if not sockets:
        without_sockets(context)
    whole = plain(fake.text(chunks=600))
    tabs = [tab().open() for _ in range(TABS)]
    for number, one in enumerate(tabs):
        one.page.bring_to_front()
        one.say(fake.prompt(f"Chat {number}.", chunks=600, pace=0.3))
        one.has(whole[:5])
    last = tabs[-1]
    last.at("stop").click()
    last.is_over("stopped")
    kept = last.text()
    assert kept
    assert whole.startswith(kept)


def test_a_page_that_was_offline_for_a_while_catches_up(context: BrowserContext, tab: Tab, fake: Fake) -> None:
    whole = plain(fake.text(chunks=200))
    visitor = tab().open()
    visitor.say(fake.prompt(chunks=200, pace=0.03))
    visitor.has(whole[:30])
    context.set_offline(True)
    visitor.page.wait_for_timeout(2500)
    context.set_offline(False)
    visitor.is_over()
    visitor.says(whole)
    expect(visitor.at("reconnecting")).to_have_count(0)
    visitor.forgive_the_network()
