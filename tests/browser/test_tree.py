"""Edits and regenerations are siblings, with arrows between them, and nothing is hidden or lost."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_streaming import plain
from tests.support.fake import Fake

Tab = Callable[[], Visitor]


def test_regenerate_makes_a_sibling_and_the_arrows_lead_between_them(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    first = visitor.answer.get_attribute("data-message-id")
    visitor.answer.hover()
    visitor.answer.get_by_test_id("regenerate").click()
    expect(visitor.answer).not_to_have_attribute("data-message-id", str(first))
    visitor.is_over()
    expect(visitor.answers).to_have_count(1)
    expect(visitor.answer.get_by_test_id("sibling-count")).to_contain_text("2")
    visitor.shoot("30-regenerated")
    visitor.answer.get_by_test_id("sibling-prev").click()
    expect(visitor.answer).to_have_attribute("data-message-id", str(first))
    visitor.answer.get_by_test_id("sibling-next").click()
    expect(visitor.answer).not_to_have_attribute("data-message-id", str(first))


def test_an_edit_makes_a_sibling_and_the_version_arrows_never_hide_later_messages(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=20, mark="Original question."))
    visitor.is_over()
    visitor.say(fake.prompt(chunks=20, mark="A later question."))
    expect(visitor.answers).to_have_count(2)
    visitor.is_over()
    visitor.questions.first.hover()
    visitor.questions.first.get_by_test_id("edit").click()
    field = visitor.questions.first.get_by_role("textbox")
    field.fill(fake.prompt(chunks=20, mark="Better question."))
    visitor.shoot("31-editing")
    field.press("Enter")
    expect(visitor.questions).to_have_count(1)
    expect(visitor.questions.first).to_contain_text("Better question.")
    visitor.is_over()
    visitor.shoot("32-edited")
    visitor.questions.first.get_by_test_id("sibling-prev").click()
    expect(visitor.questions).to_have_count(2)
    expect(visitor.questions.last).to_contain_text("A later question.")
    visitor.shoot("33-back-at-the-original")
    visitor.questions.first.get_by_test_id("sibling-next").click()
    expect(visitor.questions).to_have_count(1)
    expect(visitor.questions.first).to_contain_text("Better question.")
    visitor.page.reload()
    expect(visitor.questions.first).to_be_visible()
    visitor.questions.first.get_by_test_id("sibling-prev").click()
    expect(visitor.questions).to_have_count(2)


def test_a_regeneration_streams_in_the_other_tab_too(tab: Tab, fake: Fake) -> None:
    first = tab().open()
    first.say(fake.prompt(chunks=60, pace=0.02))
    first.is_over()
    second = tab().open(f"/chat/{first.conversation}")
    second.is_over()
    first.answer.hover()
    first.answer.get_by_test_id("regenerate").click()
    expect(second.answer.get_by_test_id("sibling-count")).to_contain_text("2")
    for one in (first, second):
        one.is_over()
        one.says(plain(fake.text(chunks=60)))


def test_copy_puts_the_answers_text_on_the_clipboard(visitor: Visitor, fake: Fake) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    visitor.answer.hover()
    visitor.answer.get_by_test_id("copy").first.click()
    copied = plain(fake.text(chunks=20))
    assert visitor.until(lambda: plain(visitor.page.evaluate("navigator.clipboard.readText()")) == copied)


def test_a_turn_that_is_taken_back_while_it_waits_gives_its_words_back_and_is_not_told_to_the_model(
    tab: Tab, fake: Fake
) -> None:
    first = tab().open()
    whole = plain(fake.text(chunks=150))
    first.say(fake.prompt(chunks=150, pace=0.01, hold_at=100, mark="The first."))
    first.has(whole[:30])
    second = tab().open(f"/chat/{first.conversation}")
    for mark in ("The second.", "The third."):
        first.say(fake.prompt(chunks=20, mark=mark))
    expect(first.page.get_by_role("button", name="Cancel")).to_have_count(2)
    first.shoot("34-two-wait")
    first.page.get_by_role("button", name="Cancel").first.click()
    for one in (first, second):
        expect(one.questions).to_have_count(1)
        expect(one.answers).to_have_count(1)
    expect(first.at("composer")).to_have_value(re.compile("The second.*The third", re.DOTALL))
    written = first.at("composer").input_value()
    assert written.index("The second.") < written.index("The third.")
    first.at("composer").fill(fake.prompt(chunks=20, mark="The fourth."))
    first.at("send").click()
    for one in (first, second):
        expect(one.questions).to_have_count(2)
    fake.go()
    for one in (first, second):
        expect(one.answers).to_have_count(2)
        one.is_over()
        one.says(plain(fake.text(chunks=20)))
        one.says(whole, one.answers.first)
    assert "The second." not in first.questions.last.inner_text()
    first.page.reload()
    expect(first.questions).to_have_count(2)
    expect(first.questions.last).to_contain_text("The fourth.")
    # Nothing is lost: what was taken back is the version before.
    expect(first.questions.last.get_by_test_id("sibling-count")).to_have_text("2/2")
    items = first.api("GET", f"/api/conversations/{first.conversation}/messages")["items"]
    above = {item["id"]: item["parent_id"] for item in items}
    said = {item["id"]: str(item["parts"]) for item in items}
    at, path = items[-1]["id"], []
    while at is not None:
        path.append(said[at])
        at = above[at]
    assert "The second." not in " ".join(path)
    assert "The first." in " ".join(path)


def test_a_turn_taken_back_stays_out_after_a_reload(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=150, pace=0.01, hold_at=100))
    visitor.has(plain(fake.text(chunks=150))[:30])
    visitor.say("Not now.")
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.at("composer")).to_have_value("Not now.")
    expect(visitor.questions).to_have_count(1)
    visitor.comes("Object.keys(localStorage).every(key => !key.includes('wish'))")
    visitor.page.reload()
    expect(visitor.answers).to_have_count(1)
    expect(visitor.questions).to_have_count(1)
    expect(visitor.at("composer")).to_have_value("Not now.")
    fake.go()
    visitor.is_over()
    expect(visitor.questions).to_have_count(1)
