"""A real Chromium before a real server: pages that collect their errors, and screenshots for a person to look at."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect, sync_playwright

from tests.support.fake import Fake
from tests.support.node import installed_clients
from tests.support.process import ROOT
from tests.support.server import Server

STATIC = ROOT / "src" / "threadline" / "static"
SCREENS = ROOT / "test-results" / "screens"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
NETWORK = re.compile(r"net::ERR_|Failed to load resource|WebSocket connection|Failed to fetch|NetworkError")
"""What a browser itself writes on its console when a server goes away; only tests that kill it allow this."""


STILL = """() => Promise.allSettled(
    document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime < Infinity)
        .map((one) => one.finished)
)"""


class Visitor:
    """One tab, with the few moves that the tests make, by the test ids of the page."""

    def __init__(self, page: Page, server: Server, errors: list[str]) -> None:
        self.page, self.server, self.errors = page, server, errors
        self.forgiving = False

    def at(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def open(self, path: str = "/") -> Visitor:
        self.page.goto(f"{self.server.url}{path}")
        expect(self.at("composer")).to_be_visible()
        return self

    def say(self, text: str) -> None:
        self.at("composer").fill(text)
        self.at("send").click()

    def new_chat(self) -> None:
        self.at("new-chat").first.click()

    @property
    def answers(self) -> Locator:
        return self.page.locator('[data-testid="message"][data-role="assistant"]')

    @property
    def questions(self) -> Locator:
        return self.page.locator('[data-testid="message"][data-role="user"]')

    @property
    def answer(self) -> Locator:
        return self.answers.last

    def text(self, message: Locator | None = None) -> str:
        """What a message says, as a reader sees it, without differences of white space."""
        parts = (message or self.answer).get_by_test_id("message-text").all_inner_texts()
        return " ".join(" ".join(parts).split())

    def until(self, true: Callable[[], bool], seconds: float = 60) -> bool:
        """Look again and again; whether it came true in time."""
        began = time.monotonic()
        while not (found := true()) and time.monotonic() - began < seconds:
            self.page.wait_for_timeout(50)
        return found

    def comes(self, expression: str, argument: Any = None) -> None:
        """Wait until an expression of JavaScript is true; the page itself may evaluate none, by its policy."""
        assert self.until(lambda: bool(self.page.evaluate(expression, argument))), expression

    def says(self, whole: str, message: Locator | None = None) -> None:
        """Wait until a message says this and nothing else."""
        assert self.until(lambda: self.text(message) == whole), (self.text(message), whole)

    def has(self, needle: str, seconds: float = 60) -> None:
        """Wait until the newest answer shows ``needle``."""
        expect(self.answer).to_contain_text(needle, timeout=seconds * 1000)

    def is_over(self, status: str = "completed", seconds: float = 120) -> None:
        expect(self.answer).to_have_attribute("data-status", status, timeout=seconds * 1000)

    @property
    def conversation(self) -> str:
        """The id in the address; waits until there is one."""
        self.page.wait_for_url(re.compile(r"/chat/[^/]+$"))
        return self.page.url.rsplit("/", 1)[1]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the server with this visitor's cookie; must succeed."""
        reply = self.page.request.fetch(f"{self.server.url}{path}", method=method, data=body)
        assert reply.ok, (method, path, reply.status, reply.text()[:500])
        return reply.json() if reply.body() else None

    def stored_text(self) -> str:
        """The text of the newest answer as the server has it."""
        items = self.api("GET", f"/api/conversations/{self.conversation}/messages?limit=2000")["items"]
        last = [item for item in items if item["role"] == "assistant"][-1]
        return "".join(part["text"] for part in last["parts"] or () if part["type"] == "text")

    def shoot(self, name: str) -> None:
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENS / f"{name}.png")

    def forgive_the_network(self) -> None:
        """Leave out what the browser wrote, or has still to write, of a server that was away; all other errors stay."""
        self.forgiving = True

    def complaints(self) -> list[str]:
        """What stood on the console as an error; a browser writes of a request only some time after its end."""
        return [error for error in self.errors if not (self.forgiving and NETWORK.search(error))]

    def faults(self) -> list[str]:
        """What axe-core calls serious or critical, once nothing moves or fades any more."""
        self.page.evaluate(STILL)
        self.page.evaluate((installed_clients() / "axe-core" / "axe.min.js").read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [one for one in found["violations"] if one["impact"] in {"serious", "critical"}]
        return [f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes']]}" for one in serious]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("server")
    if not (STATIC / "index.html").exists():
        pytest.fail("the page is not built; run `make setup`")
    # A copy, so that a build at the same time does not take the page away from under the test.
    shutil.copytree(STATIC, place / "page")
    with Server(place, fake.tables(), default_model="fake/fake-model", extras=True) as server:
        server.environment["OUTER_TEST_PAGE"] = str(place / "page")
        yield server


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=60_000)
    started = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=180_000)
    yield started
    started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor's browser: tabs opened in it share the cookie."""
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext, server: Server, request: pytest.FixtureRequest) -> Iterator[Callable[[], Visitor]]:
    """Open a tab of the visitor; at the end of the test no tab may have had an error on its console."""
    tabs: list[Visitor] = []

    def make() -> Visitor:
        page, errors = context.new_page(), list[str]()
        page.on(
            "console", lambda line: errors.append(f"{line.text} @ {line.location}") if line.type == "error" else None
        )
        page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
        tabs.append(Visitor(page, server, errors))
        return tabs[-1]

    yield make
    for number, one in enumerate(tabs):
        one.shoot(f"end-{Path(request.node.name).name}-{number}")
        assert not one.complaints(), one.complaints()


@pytest.fixture
def visitor(tab: Callable[[], Visitor]) -> Visitor:
    """A tab at the start page."""
    return tab().open()
