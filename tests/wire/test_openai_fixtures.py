"""What a number of a response has told once it tells for ever: who comes back counts on it, also after an update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from threadline.domain.events import encode
from threadline.wire.openai.completions import CompletionChunks
from threadline.wire.openai.objects import Head
from threadline.wire.openai.responses import LAST, ResponseEvents

FIXTURES = sorted((Path(__file__).parents[2] / "protocol" / "fixtures" / "openai").glob("*.json"))


@pytest.fixture(params=FIXTURES, ids=lambda path: path.stem)
def script(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(request.param.read_bytes())
    return found


def made(script: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The events of a response and the chunks of a completion that the script's log makes."""
    head, log = Head(**script["head"]), [encode(event) for event in script["events"]]
    encoder = ResponseEvents(head)
    told = [*encoder.opening(), *encoder.take(log)]
    chunks = CompletionChunks(head, usage=True).take(log)
    return [orjson.loads(one) for one in told], [orjson.loads(one) for one in chunks]


def test_every_number_tells_what_it_told(script: dict[str, Any]) -> None:
    told, _ = made(script)
    assert [event["type"] for event in told] == [event["type"] for event in script["response"]]
    assert told == script["response"]


def test_a_completion_comes_in_the_chunks_in_which_it_came(script: dict[str, Any]) -> None:
    assert made(script)[1] == script["chunks"]


def test_there_is_a_script_of_every_end() -> None:
    scripts = [orjson.loads(path.read_bytes()) for path in FIXTURES]
    ends = {script["response"][-1]["type"].encode() for script in scripts}
    statuses = {script["response"][-1]["response"]["status"] for script in scripts}
    assert ends == LAST
    assert statuses == {"completed", "incomplete", "cancelled", "failed"}
