"""Models on the page: chosen and liked, told how to answer, what an answer took, and what an admin looks after."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import STATIC, Visitor
from tests.support.fake import Fake
from tests.support.server import Server

Tab = Callable[[], Visitor]
PASSWORD = "three calm words"
PRICED = "priced/fake-model"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    """A server with a provider of which the price is known, and one for which nobody has a key."""
    place = tmp_path_factory.mktemp("server")
    shutil.copytree(STATIC, place / "page")
    base = f"http://127.0.0.1:{fake.port}/v1"
    names = ["fake-model", *(f"model-{number}" for number in range(300))]
    priced = {
        "name": "priced",
        "kind": "openai-compatible",
        "base_url": base,
        "models": names,
        "prices": {"fake-model": {"input": 0.5, "output": 1.5}},
    }
    keyed = {"name": "keyed", "kind": "groq"}
    with Server(place, [*fake.tables(), priced, keyed], default_model=PRICED, extras=True) as server:
        server.environment["OUTER_TEST_PAGE"] = str(place / "page")
        yield server


def button(visitor: Visitor, name: str | re.Pattern[str]) -> Locator:
    return visitor.page.get_by_role("button", name=name)


def radio(visitor: Visitor, model: str) -> Locator:
    return visitor.page.locator(f'[role="menuitemradio"][data-model="{model}"]')


def star(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("menuitemcheckbox", name=f"Favourite: {name}", exact=True)


def asked_by(fake: Fake, mark: str) -> dict[str, Any]:
    """The body with which the provider was last asked for the answer to a message."""
    bodies = [body for body in fake.requests() if mark in str(body["messages"][-1]["content"])]
    assert bodies, mark
    return bodies[-1]


def test_models_are_found_liked_and_say_why_they_cannot_be_used(visitor: Visitor) -> None:
    visitor.at("model-picker").click()
    expect(visitor.at("model-filter")).to_be_focused()
    expect(radio(visitor, PRICED)).to_have_accessible_name(re.compile(r"\$0\.50 in and \$1\.50 out"))
    assert visitor.page.get_by_role("menuitemradio").count() < 60, "only those near the view are in the page"
    assert visitor.faults() == []
    visitor.shoot("120-models")
    visitor.at("model-filter").fill("model-250")
    star(visitor, "model-250").click()
    expect(star(visitor, "model-250")).to_be_checked()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("menu")).to_have_count(0)
    visitor.open()
    visitor.at("model-picker").click()
    expect(visitor.page.get_by_role("menuitemradio").first).to_have_attribute("data-model", "priced/model-250")
    expect(star(visitor, "model-250")).to_be_checked()
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("End")
    expect(visitor.page.locator('[role="menuitemradio"]:focus')).to_be_visible()
    visitor.page.keyboard.press("Home")
    visitor.page.keyboard.press("ArrowRight")
    expect(star(visitor, "model-250")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(star(visitor, "model-250")).not_to_be_checked()
    visitor.at("model-filter").fill("keyed")
    first = visitor.page.get_by_role("menuitemradio").first
    expect(first).to_have_attribute("aria-disabled", "true")
    expect(first).to_have_accessible_name(re.compile("No .+ API key found"))
    visitor.shoot("121-keyless")
    assert visitor.faults() == []
    visitor.page.get_by_role("menuitem", name="Add a key").click()
    visitor.page.wait_for_url(f"{visitor.server.url}/settings/keys")


def test_settings_of_a_message_and_of_a_chat_reach_the_model(visitor: Visitor, fake: Fake) -> None:
    page = visitor.page
    settings = visitor.at("answer-settings")
    settings.click()
    drawer = page.get_by_role("dialog", name="Answer settings")
    temperature = drawer.get_by_label("Temperature", exact=True)
    expect(temperature).to_have_attribute("placeholder", "0.7")
    temperature.fill("0.2")
    drawer.get_by_label("System prompt").fill("Be brief.")
    expect(visitor.at("settings-changed")).to_contain_text("temperature 0.2, system prompt")
    assert visitor.faults() == []
    visitor.shoot("122-settings")
    button(visitor, "Keep for this chat").click()
    expect(settings).to_have_accessible_name("Answer settings: temperature 0.2, system prompt")
    visitor.say(fake.prompt("first", chunks=5))
    visitor.is_over()
    first = asked_by(fake, "first")
    assert (first["temperature"], first["messages"][0]["content"]) == (0.2, "Be brief.")
    assert first["max_tokens"] == 4000
    settings.click()
    drawer.get_by_label("Max tokens", exact=True).fill("77")
    drawer.get_by_label("Temperature as the model has it").check()
    button(visitor, "For the next message").click()
    expect(settings).to_have_accessible_name(re.compile("77 tokens, the model’s temperature"))
    visitor.say(fake.prompt("second", chunks=5, finish="length"))
    expect(visitor.answers).to_have_count(2)
    visitor.is_over()
    second = asked_by(fake, "second")
    assert second["max_tokens"] == 77
    assert "temperature" not in second
    expect(visitor.answer.get_by_test_id("cut")).to_contain_text("Raise “Max tokens”")
    expect(settings).to_have_accessible_name("Answer settings: temperature 0.2, system prompt")
    visitor.say(fake.prompt("third", chunks=5))
    expect(visitor.answers).to_have_count(3)
    visitor.is_over()
    assert asked_by(fake, "third")["temperature"] == 0.2
    visitor.page.reload()
    settings.click()
    button(visitor, "Reset").click()
    button(visitor, "Keep for this chat").click()
    expect(settings).to_have_accessible_name("Answer settings")
    assert visitor.api("GET", f"/api/conversations/{visitor.conversation}")["settings"] == {}


def test_an_answer_says_what_it_took_and_where_the_model_begins_to_read(visitor: Visitor, fake: Fake) -> None:
    for number in range(3):
        visitor.say(fake.prompt(f"Number {number}", chunks=5))
        expect(visitor.answers).to_have_count(number + 1)
        visitor.is_over()
    spent = visitor.answer.get_by_test_id("spent")
    expect(spent).to_contain_text(re.compile(r"priced/fake-model · \$0\.0+\d+ · \d+ in, \d+ out"))
    spent.click()
    about = visitor.page.get_by_role("dialog", name="What this answer took")
    expect(about).to_contain_text("Tokens in")
    expect(about).to_contain_text("The server’s")
    assert visitor.faults() == []
    visitor.shoot("123-took")
    visitor.page.keyboard.press("Escape")
    visitor.say(fake.prompt("Too much", chunks=5, error="context_length_exceeded: maximum context length", times=1))
    expect(visitor.answers).to_have_count(4)
    visitor.is_over()
    expect(visitor.at("context-start")).to_have_text("Older messages are not sent to the model.")
    visitor.shoot("124-context")
    assert visitor.faults() == []


def test_an_admin_shuts_somebody_out_and_writes_limits(tab: Tab, browser: Browser) -> None:
    visitor = tab()
    visitor.api("POST", "/api/auth/register", {"email": "root@example.org", "password": PASSWORD, "name": "Root"})
    other = browser.new_context()
    ada = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}
    assert other.request.post(f"{visitor.server.url}/api/auth/register", data=ada).ok
    visitor.open()
    visitor.at("account-menu").click()
    visitor.page.get_by_role("menuitem", name="Administration").click()
    visitor.page.get_by_label("Find users").fill("ada@")
    users = visitor.at("user")
    expect(users).to_have_count(1)
    button(visitor, "Shut out: Ada").click()
    visitor.page.get_by_role("alertdialog").get_by_role("button", name="Shut out").click()
    expect(users.first).to_contain_text("Shut out")
    expect(button(visitor, "Let in: Ada")).to_be_visible()
    assert other.request.get(f"{visitor.server.url}/api/me").json()["kind"] == "guest"
    other.close()
    assert visitor.faults() == []
    visitor.shoot("125-users")
    tabs = visitor.page.get_by_role("navigation", name="Administration")
    tabs.get_by_role("link", name="Limits").click()
    button(visitor, "Write limits").click()
    messages = visitor.page.get_by_label("Messages in 24 hours")
    messages.fill("many")
    button(visitor, "Save the limits").click()
    expect(messages).to_have_accessible_description("Write a whole number, or off.")
    messages.fill("7")
    button(visitor, "Save the limits").click()
    expect(visitor.at("limits")).to_contain_text("Messages in 24 hours: 7")
    assert visitor.faults() == []
    visitor.shoot("126-limits")
    tabs.get_by_role("link", name="Usage").click()
    expect(visitor.at("usage-plot")).to_be_visible()
    assert visitor.faults() == []
    visitor.shoot("127-usage")
    tabs.get_by_role("link", name="Audit log").click()
    log = visitor.page.get_by_role("table", name="Audit log")
    expect(log).to_contain_text("Limits changed")
    visitor.page.get_by_label("What").select_option("User shut out")
    expect(log.get_by_role("row")).to_have_count(2)
    assert visitor.faults() == []
    visitor.shoot("128-audit")
    visitor.page.set_viewport_size({"width": 375, "height": 720})
    for name in ("users", "limits", "usage", "audit"):
        visitor.page.goto(f"{visitor.server.url}/admin/{name}")
        expect(visitor.page.get_by_role("heading", level=2).first).to_be_visible()
        visitor.shoot(f"129-phone-{name}")
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 375, name


def test_administration_is_not_there_for_others(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.server.url}/admin")
    expect(visitor.page.get_by_text("There is nothing here.")).to_be_visible()
