"""Small things that a person meets: on a phone, in the header, in menus, in folds, and where nobody is let in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FloatRect, Locator, Route, expect

from tests.browser.conftest import Visitor
from tests.browser.test_page import item, menu, named
from tests.support.fake import Fake
from tests.support.server import Server

Tab = Callable[[], Visitor]
FINGER_PX = 40


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A device without a mouse."""
    made = browser.new_context(viewport={"width": 390, "height": 664}, has_touch=True, is_mobile=True)
    made.set_default_timeout(60_000)
    yield made
    made.close()


def on(phone: BrowserContext, server: Server) -> Visitor:
    return Visitor(phone.new_page(), server, []).open()


def test_an_escape_leaves_a_rename_in_the_drawer_and_not_the_drawer(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 664})
    named(visitor, "In the drawer")
    visitor.page.get_by_role("button", name="Show conversations").click()
    drawer = visitor.page.get_by_role("dialog")
    menu(visitor, item(visitor, "In the drawer"), "rename")
    expect(visitor.page.get_by_label("New title")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_label("New title")).to_have_count(0)
    expect(drawer).to_be_visible()
    search = visitor.page.get_by_role("searchbox")
    search.fill("drawer")
    search.press("Escape")
    expect(search).to_have_value("")
    expect(drawer).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def test_fingers_have_room_on_a_phone_and_the_header_names_the_conversation(
    phone: BrowserContext, server: Server, fake: Fake
) -> None:
    visitor = on(phone, server)
    visitor.say(fake.prompt(chunks=20))
    visitor.is_over()
    visitor.at("regenerate").click()
    expect(visitor.at("sibling-count")).to_be_visible()
    visitor.is_over()
    for name in ("copy", "edit", "regenerate", "sibling-prev", "sibling-next", "send"):
        for button in visitor.at(name).all():
            box = button.bounding_box()
            assert box is not None
            assert round(min(box["width"], box["height"])) >= FINGER_PX, (name, box)
    title = "A conversation with a title that is longer than a phone is wide"
    visitor.api("PATCH", f"/api/conversations/{visitor.conversation}", {"title": title})
    heading = visitor.page.get_by_role("heading", level=1)
    expect(heading).to_have_text(title)
    expect(heading).to_be_visible()
    visitor.shoot("80-phone")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = heading.bounding_box()
    assert box is not None
    assert box["width"] > 100
    visitor.page.get_by_role("button", name="Show conversations").click()
    expect(visitor.at("conversation-item").first).to_be_visible()
    visitor.shoot("81-phone-list")
    small = visitor.at("conversation-menu").first.bounding_box()
    assert small is not None
    assert round(min(small["width"], small["height"])) >= FINGER_PX


def stands(shown: Locator) -> FloatRect:
    """Where something is, once it moves no more."""
    places: list[FloatRect | None] = [None]
    while places[-1] is None or places[-5:] != [places[-1]] * 5:
        places.append(shown.bounding_box())
        shown.page.wait_for_timeout(100)
    return places[-1]


def test_the_title_stays_where_it_is_when_the_server_goes_away(tab: Tab, server: Server) -> None:
    visitor = tab().open()
    (one,) = named(visitor, "Stands still")
    visitor.open(f"/chat/{one}")
    heading = visitor.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Stands still")
    for width in (1280, 390):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        before = stands(heading)
        server.kill9()
        expect(visitor.at("reconnecting")).to_be_visible()
        visitor.shoot(f"82-reconnecting-{width}")
        assert stands(heading) == before
        server.up()
        expect(visitor.at("reconnecting")).to_have_count(0)
    visitor.forgive_the_network()


def test_while_an_answer_is_awaited_there_are_lines_or_dots_and_not_both(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=20, hold_at=0))
    expect(visitor.at("skeleton")).to_be_visible()
    expect(visitor.page.locator(".dots")).to_have_count(0)
    fake.go()
    visitor.is_over()


def test_a_tool_call_is_folded_once_the_answer_went_on(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(chunks=100, pace=0.02, tool="count"))
    call = visitor.answer.get_by_test_id("tool-call").first
    expect(visitor.answer.get_by_test_id("message-text").first).to_be_visible()
    expect(call.get_by_role("button").first).to_have_attribute("aria-expanded", "false")
    call.get_by_role("button").first.click()
    expect(call.get_by_role("button").first).to_have_attribute("aria-expanded", "true")
    visitor.is_over()
    expect(call.get_by_role("button").first).to_have_attribute("aria-expanded", "true")


def test_a_failed_answer_is_asked_for_again(visitor: Visitor, fake: Fake) -> None:
    visitor.say(fake.prompt(error="The model is overloaded today."))
    visitor.is_over("error")
    visitor.at("retry").click()
    expect(visitor.at("sibling-count")).to_have_text("2/2")
    visitor.is_over("error")
    expect(visitor.answer.get_by_role("button", name="Regenerate")).to_be_visible()


def models(count: int, provider: str = "many") -> Any:
    unknown = dict.fromkeys(("context", "output_limit", "price", "health", "retires", "reason"))
    one: dict[str, Any] = {"provider": provider, "provider_name": provider, "capabilities": {}, **unknown}
    own: dict[str, Any] = {"available": True, "key": "server", "favourite": False}
    items = [{**one, **own, "id": f"{provider}/m{at}", "name": f"Model {at}"} for at in range(count)]
    return {"items": items, "next": None, "default": items[0]["id"]}


def offering(visitor: Visitor, told: Any) -> None:
    def tell(route: Route) -> None:
        route.fulfill(json=told)

    visitor.page.route(re.compile("/api/models"), tell)
    visitor.open()
    visitor.at("model-picker").click()
    expect(visitor.page.get_by_role("menu")).to_be_visible()


def test_many_models_can_be_filtered_and_chosen_by_the_keyboard(tab: Tab) -> None:
    visitor = tab()
    offering(visitor, models(40))
    expect(visitor.at("model-filter")).to_be_focused()
    visitor.page.keyboard.type("many 31")
    expect(visitor.page.get_by_role("menuitemradio")).to_have_count(1)
    visitor.shoot("83-filtered")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("menu")).to_have_count(0)
    expect(visitor.at("model-picker")).to_have_attribute("data-model", "many/m31")
    visitor.at("model-picker").click()
    visitor.at("model-filter").fill("nothing like it")
    expect(visitor.page.get_by_text("No model is called “nothing like it”.")).to_be_visible()
    visitor.at("model-filter").fill("model 3")
    for at in (0, 1):
        visitor.page.keyboard.press("ArrowDown")
        expect(visitor.page.get_by_role("menuitemradio").nth(at)).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.at("model-picker")).to_have_attribute("data-model", "many/m13")


@pytest.mark.parametrize(("provider", "hints"), [("demo", 1), ("other", 0)])
def test_where_only_the_demo_answers_the_picker_says_how_there_are_more(tab: Tab, provider: str, hints: int) -> None:
    visitor = tab()
    offering(visitor, models(1, provider))
    expect(visitor.at("model-filter")).to_have_count(0)
    expect(visitor.page.get_by_text("Add a model: see Settings in the documentation.")).to_have_count(hints)


def test_a_server_without_guests_says_so_and_lets_them_in_later(context: BrowserContext, tmp_path: Path) -> None:
    with Server(tmp_path, settings={"guests": "off"}) as closed:
        closed.up()
        visitor = Visitor(context.new_page(), closed, [])
        visitor.page.goto(closed.url)
        words = visitor.page.get_by_text("This server takes no guests")
        expect(words).to_be_visible()
        expect(visitor.at("reconnecting")).to_have_count(0)
        expect(visitor.at("composer")).to_have_count(0)
        visitor.shoot("84-no-guests")
        assert visitor.faults() == []
        closed.terminate()
        closed.environment["THREADLINE_GUESTS"] = "on"
        closed.up()
        expect(visitor.at("composer")).to_be_visible()
        expect(words).to_have_count(0)
