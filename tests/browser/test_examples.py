"""Every example in the docs that is for a page does run in one."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.house.test_docs import examples
from tests.support.fake import Fake
from tests.support.server import Server


@pytest.mark.parametrize("text", examples("js page"))
def test_every_example_for_a_page_runs(text: str, context: BrowserContext, server: Server, fake: Fake) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/docs")
    with page.expect_console_message(lambda line: line.type == "log") as said:
        page.add_script_tag(content=text, type="module")
    assert said.value.text == fake.text()


def test_there_are_examples_for_a_page() -> None:
    assert examples("js page")
