"""The page while an answer streams: first answer, reload, second tab, switching, stop."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.support.fake import Fake

CHUNKS = 200
Tab = Callable[[], Visitor]


def plain(text: str) -> str:
    return " ".join(text.split())


def test_a_first_visit_gets_its_first_answer_from_the_demo_model(visitor: Visitor) -> None:
    visitor.shoot("01-empty")
    visitor.api("GET", "/api/me")
    visitor.at("model-picker").click()
    visitor.shoot("02-models")
    visitor.page.get_by_role("menu").get_by_text("demo", exact=False).last.click()
    visitor.say("What can you show me?")
    expect(visitor.questions.last).to_contain_text("What can you show me?")
    visitor.is_over()
    visitor.shoot("03-demo-answer")
    assert "demo" in visitor.text().lower(), "the demo model says that it is a demo"


def test_an_answer_streams_and_ends_whole(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=CHUNKS, pace=0.01, hold_at=150))
    visitor.has(plain(fake.text(chunks=CHUNKS))[:30])
    visitor.shoot("04-streaming")
    expect(visitor.at("stop")).to_be_visible()
    fake.go()
    visitor.is_over()
    visitor.says(plain(fake.text(chunks=CHUNKS)))
    expect(visitor.at("composer")).to_be_enabled()
    expect(visitor.at("stop")).to_have_count(0)


def test_a_skeleton_stands_where_the_answer_will_be_until_the_first_token(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=20, hold_at=0))
    expect(visitor.at("skeleton")).to_be_visible()
    visitor.shoot("05-skeleton")
    fake.go()
    visitor.is_over()
    expect(visitor.at("skeleton")).to_have_count(0)


def test_a_page_reloaded_twice_in_mid_answer_has_it_whole_once(visitor: Visitor, fake: Fake) -> None:
    whole = plain(fake.text(chunks=CHUNKS))
    visitor.say(fake.prompt(chunks=CHUNKS, pace=0.02, hold_at=190))
    visitor.has(whole[:30])
    assert visitor.conversation
    for _ in range(2):
        before = visitor.text()
        visitor.page.reload()
        visitor.has(before[: len(before) - 10])
    visitor.shoot("06-reloaded-in-mid-answer")
    fake.go()
    visitor.is_over()
    visitor.says(whole)
    expect(visitor.answers).to_have_count(1)


def test_a_second_tab_follows_the_same_answer_live(tab: Tab, fake: Fake) -> None:
    whole = plain(fake.text(chunks=CHUNKS))
    first = tab().open()
    first.say(fake.prompt(chunks=CHUNKS, pace=0.02, hold_at=190))
    first.has(whole[:30])
    second = tab().open(f"/chat/{first.conversation}")
    second.has(whole[:30])
    seen = second.text()
    second.shoot("07-second-tab")
    assert len(seen) < len(whole), "the second tab must see it stream"
    fake.go()
    for one in (first, second):
        one.is_over()
        one.says(whole)


def test_a_message_sent_in_one_tab_is_answered_in_the_other_without_a_reload(tab: Tab, fake: Fake) -> None:
    first = tab().open()
    first.say(fake.prompt(chunks=20))
    first.is_over()
    second = tab().open(f"/chat/{first.conversation}")
    second.is_over()
    for number in range(2, 6):
        first.say(fake.prompt(chunks=20, mark=f"Message {number}."))
        expect(first.answers).to_have_count(number)
        expect(second.answers).to_have_count(number)
        for one in (first, second):
            one.is_over()
    second.says(plain(fake.text(chunks=20)))


def test_switching_chats_and_back_keeps_both_answers_apart_and_whole(visitor: Visitor, fake: Fake) -> None:
    whole = plain(fake.text(chunks=CHUNKS))
    visitor.say(fake.prompt(chunks=CHUNKS, pace=0.02, mark="The first chat."))
    visitor.has(whole[:30])
    first = visitor.conversation
    visitor.new_chat()
    visitor.say(fake.prompt(chunks=CHUNKS, pace=0.02, mark="The second chat."))
    visitor.has(whole[:30])
    assert visitor.conversation != first
    expect(visitor.questions).to_have_count(1)
    visitor.page.locator(f'a[href$="/chat/{first}"]').first.click()
    expect(visitor.questions.last).to_contain_text("The first chat.")
    visitor.shoot("08-switched-back")
    visitor.is_over()
    visitor.says(whole)
    visitor.page.go_back()
    expect(visitor.questions.last).to_contain_text("The second chat.")
    visitor.is_over()
    visitor.says(whole)


def test_stop_keeps_the_partial_text(visitor: Visitor, fake: Fake) -> None:
    whole = plain(fake.text(chunks=10 * CHUNKS))
    visitor.say(fake.prompt(chunks=10 * CHUNKS, pace=0.05))
    visitor.has(whole[:40])
    visitor.at("stop").click()
    visitor.is_over("stopped")
    kept = plain(visitor.stored_text())
    visitor.says(kept)
    visitor.shoot("09-stopped")
    assert kept
    assert whole.startswith(kept)
    assert len(kept) < len(whole)
    visitor.page.reload()
    visitor.is_over("stopped")
    visitor.says(kept)


def test_a_message_sent_while_an_answer_streams_waits_and_is_answered(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=100, pace=0.02, mark="One."))
    visitor.has(plain(fake.text(chunks=100))[:30])
    visitor.at("composer").fill(fake.prompt(chunks=20, mark="Two."))
    visitor.at("composer").press("Enter")
    expect(visitor.questions).to_have_count(2)
    visitor.shoot("10-queued")
    expect(visitor.answers).to_have_count(2)
    visitor.is_over()
    visitor.says(plain(fake.text(chunks=100)), visitor.answers.first)
    visitor.says(plain(fake.text(chunks=20)))


def test_reasoning_is_folded_and_a_tool_call_is_shown(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=20, reasoning=20, tool="count"))
    visitor.is_over()
    expect(visitor.answer.get_by_test_id("reasoning").first).to_be_visible()
    expect(visitor.answer.get_by_test_id("tool-call").first).to_be_visible()
    visitor.shoot("11-reasoning-and-tool")
    visitor.says(plain(fake.text(chunks=20)))


def test_the_providers_own_error_is_shown(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(error="The model is overloaded today."))
    visitor.is_over("error")
    expect(visitor.page.get_by_text("The model is overloaded today.").first).to_be_visible()
    visitor.shoot("12-provider-error")
