"""The fake provider itself: a process of its own, and what it tells of its calls."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.answers import model_name, prompt, text_of
from tests.fakes.provider import FakeProvider


def call(url: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=60) as answer:
        return json.loads(answer.read())


def chat(text: str, model: str = "fake-model", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def test_it_runs_as_a_process_and_tells_its_address_and_its_calls() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.fakes.provider", "--control", '{"chunks": 3}']
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            answer = call(f"{url}/chat/completions", chat("Hi"))
            assert answer["choices"][0]["message"]["content"] == text_of(chunks=3)
            shown = call(url.removesuffix("/v1") + "/_calls")
            assert shown["count"] == 1
            assert shown["calls"][0]["body"]["messages"][0]["content"] == "Hi"
            assert shown["calls"][0]["ended"] == "done"
        finally:
            process.kill()


@pytest.mark.anyio
async def test_what_it_does_is_chosen_by_the_models_name_then_by_the_message() -> None:
    async with FakeProvider() as fake:
        url = f"{fake.url}/chat/completions"

        async def content(body: dict[str, Any]) -> str:
            answer = await asyncio.to_thread(call, url, body)
            return str(answer["choices"][0]["message"]["content"])

        assert await content(chat("Hi", model_name(chunks=2))) == "t0 t1"
        assert await content(chat(prompt("Hi", chunks=3), model_name(chunks=2))) == "t0 t1 t2"
        assert await content(chat('Not a control: {"a": 1}', model_name(chunks=2))) == "t0 t1"
        assert await content(chat(prompt(text="Hello you"))) == "Hello you"
        await asyncio.to_thread(call, f"{fake.root}/_control", {"chunks": 1}, "PUT")
        assert await content(chat("Hi")) == "t0"
        title = {"model": "x", "messages": [{"role": "system", "content": "Write a title."}, *chat("Hi")["messages"]]}
        assert await content(title) == "Fake title here"
        assert [one.title for one in fake.calls] == [False] * 5 + [True]
        assert (await asyncio.to_thread(call, f"{fake.root}/_calls", None, "DELETE"))["count"] == 0


@pytest.mark.anyio
async def test_an_answer_that_holds_goes_on_when_it_is_told_to_and_a_later_one_holds_again() -> None:
    async with FakeProvider() as fake:

        def begun() -> http.client.HTTPResponse:
            body = json.dumps(chat("Hi", model_name(chunks=2, hold_at=1), stream=True)).encode()
            answer = urllib.request.urlopen(f"{fake.url}/chat/completions", body, timeout=60)
            assert isinstance(answer, http.client.HTTPResponse)
            while b"t0" not in answer.readline():
                pass
            return answer

        first = await asyncio.to_thread(begun)
        await asyncio.to_thread(call, f"{fake.root}/_go", None, "POST")
        assert b" t1" in await asyncio.to_thread(first.read)
        with await asyncio.to_thread(begun):
            assert [one.ended for one in fake.calls] == ["done", "gone"]
