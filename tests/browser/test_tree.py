"""Edits and regenerations are siblings, with arrows between them, and nothing is hidden or lost."""

from __future__ import annotations

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
        assert one.text() == plain(fake.text(chunks=60))


def test_copy_puts_the_answers_text_on_the_clipboard(visitor: Visitor, fake: Fake) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    visitor.answer.hover()
    visitor.answer.get_by_test_id("copy").first.click()
    assert plain(visitor.page.evaluate("navigator.clipboard.readText()")) == plain(fake.text(chunks=20))
