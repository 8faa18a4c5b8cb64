"""The server dies under an open page; nobody touches the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_streaming import plain
from tests.support.fake import Fake
from tests.support.server import Server

CHUNKS = 200
Tab = Callable[[], Visitor]


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_server_that_goes_away_in_mid_answer_and_comes_back_leaves_the_untouched_page_whole(
    tab: Tab, server: Server, fake: Fake, end: str
) -> None:
    whole = plain(fake.text(chunks=CHUNKS))
    visitor = tab().open()
    visitor.say(fake.prompt(f"Then {end}.", chunks=CHUNKS, pace=0.02, hold_at=150, times=1))
    visitor.has(whole[:60])
    server.kill9() if end == "kill" else server.terminate()
    expect(visitor.at("reconnecting")).to_be_visible()
    before = visitor.text()
    visitor.shoot(f"20-{end}-reconnecting")
    assert whole.startswith(before)
    server.up()
    visitor.is_over()
    expect(visitor.at("reconnecting")).to_have_count(0)
    visitor.shoot(f"21-{end}-whole")
    visitor.says(whole)
    expect(visitor.answers).to_have_count(1)
    visitor.forgive_the_network()


def test_a_message_typed_while_the_server_is_away_is_not_lost(tab: Tab, server: Server, fake: Fake) -> None:
    visitor = tab().open()
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    server.kill9()
    words = fake.prompt(chunks=20, mark="Written into the void.")
    visitor.at("composer").fill(words)
    visitor.at("composer").press("Enter")
    expect(visitor.page.get_by_text("Waiting for the server…")).to_be_visible()
    visitor.shoot("22-sent-into-the-void")
    server.up()
    expect(visitor.answers).to_have_count(2)
    visitor.is_over()
    expect(visitor.questions.last).to_contain_text("Written into the void.")
    expect(visitor.questions).to_have_count(2)
    visitor.forgive_the_network()


def test_a_session_that_is_lost_while_sending_loses_no_text(tab: Tab, fake: Fake) -> None:
    visitor = tab().open()
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    visitor.page.context.clear_cookies()
    words = fake.prompt(chunks=20, mark="Do not lose me.")
    visitor.at("composer").fill(words)
    visitor.at("composer").press("Enter")
    expect(visitor.at("error")).to_be_visible()
    visitor.shoot("23-session-lost")
    kept = "Do not lose me." in visitor.at("composer").input_value()
    assert kept or visitor.page.get_by_text("Do not lose me.").count() > 0
    visitor.forgive_the_network()
