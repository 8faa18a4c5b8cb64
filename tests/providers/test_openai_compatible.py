"""The provider over loopback: batches, ends, faults, keys, and the ways to go on with a cut text."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from tests.fakes.answers import Control, model_name, prompt, reasoning_of, text_of
from tests.fakes.provider import FakeProvider
from tests.providers.asking import TOOL, answer, ask, batches, check_form, request, user
from tests.providers.conftest import SECRET
from threadline.domain.catalog import ProviderConfig
from threadline.domain.errors import ProviderError, ProviderStalled, ProviderUnreachable, error_body
from threadline.domain.messages import Message
from threadline.domain.seam import NotContinued, Seam
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


async def until(condition: Any) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about")


async def test_an_answer_comes_whole_with_usage_and_reason(registry: Registry) -> None:
    fold = check_form(await ask(registry, "fake/fake-model"))
    assert fold.parts[0]["text"] == text_of()
    assert fold.step_reason == "stop"
    assert fold.usage == {"inputTokens": 10, "outputTokens": 200, "totalTokens": 210, "reasoningTokens": 0}


async def test_chunks_without_delay_come_in_large_batches(registry: Registry) -> None:
    found = await batches(registry, f"fake/{model_name(chunks=2000)}")
    assert all(found)
    assert len(found) < 400


async def test_chunks_with_delay_are_not_held_back(registry: Registry) -> None:
    found = await batches(registry, f"fake/{model_name(chunks=10, pace=0.01)}")
    assert len(found) >= 10


@pytest.mark.parametrize("spelled", ["reasoning_content", "reasoning", "reasoning_details", "think"])
async def test_reasoning_comes_before_the_text_in_every_spelling(registry: Registry, spelled: str) -> None:
    model = model_name(chunks=10, reasoning=5, reasoning_as=spelled)
    fold = check_form(await ask(registry, f"fake/{model}"))
    assert [part["type"] for part in fold.parts] == ["reasoning", "text"]
    assert fold.parts[0]["text"] == reasoning_of(reasoning=5)
    assert fold.parts[1]["text"] == text_of(chunks=10)


async def test_tools_are_called_and_their_results_bring_the_answer(registry: Registry) -> None:
    text = prompt("Go on.", chunks=10, tool=["weather", "weather"], before=2)
    first = check_form(await ask(registry, "fake/fake-model", text, tools=[TOOL]))
    assert first.step_reason == "tool-calls"
    assert [part["type"] for part in first.parts] == ["text", "tool-weather", "tool-weather"]
    done = [part | {"state": "output-available", "output": 21} for part in first.parts[1:]]
    history = [user(text), Message("a", "assistant", [first.parts[0], *done])]
    assert answer(await ask(registry, "fake/fake-model", messages=history, tools=[TOOL])) == text_of(chunks=10)


ERRORS = [
    ({"error": "Slow down.", "status": 429, "retry_after": 7}, 429, True, 7.0),
    ({"error": "It broke.", "status": 500}, 500, True, None),
    ({"error": "Overloaded.", "status": 529}, 529, True, None),
    ({"error": "Too slow.", "status": 408}, 408, True, None),
    ({"error": "At odds.", "status": 409}, 409, True, None),
    ({"error": "The context is too long.", "status": 400}, 400, False, None),
    ({"error": "No money left.", "status": 402}, 402, False, None),
    ({"error": "No such model.", "status": 404}, 404, False, None),
    ({"error": "It broke on the way.", "error_at": 3}, 400, False, None),
    ({"error": "Full.", "status": 503, "error_at": 3}, 503, True, None),
]


@pytest.mark.parametrize(("control", "status", "retryable", "wait"), ERRORS, ids=lambda value: str(value)[:40])
async def test_a_providers_error_arrives_in_its_own_words(
    registry: Registry, control: dict[str, Any], status: int, retryable: bool, wait: float | None
) -> None:
    with pytest.raises(ProviderError) as caught:
        await ask(registry, f"fake/{model_name(**control)}")
    assert caught.value.message == control["error"]
    assert caught.value.provider_status == status
    assert caught.value.retryable is retryable
    assert caught.value.retry_after == wait


async def test_what_came_before_an_error_is_given_before_it(registry: Registry) -> None:
    provider, model = registry.get(f"fake/{model_name(error='Broken.', error_at=3)}")
    seen = []

    async def take() -> None:
        async for batch in provider.stream(request(model)):
            seen.extend(batch)

    with pytest.raises(ProviderError):
        await take()
    assert "".join(event.get("delta", "") for event in seen) == text_of(chunks=3)


async def test_a_cut_connection_never_passes_for_a_whole_answer(registry: Registry) -> None:
    with pytest.raises(ProviderError) as caught:
        await ask(registry, f"fake/{model_name(cut_at=5)}")
    assert caught.value.retryable


async def test_a_provider_that_falls_silent_is_a_stall(registry: Registry) -> None:
    for control in ({"stall_at": 5}, {"first": 60}):
        with pytest.raises(ProviderStalled) as caught:
            await ask(registry, f"fake/{model_name(**control)}")
        assert caught.value.retryable


async def test_a_fault_of_a_few_calls_is_over_after_them(registry: Registry, fake: FakeProvider) -> None:
    model = f"fake/{model_name(error='Slow down.', status=429, times=2, chunks=5)}"
    for _ in range(2):
        with pytest.raises(ProviderError):
            await ask(registry, model)
    assert answer(await ask(registry, model)) == text_of(chunks=5)
    assert [call.ended for call in fake.calls] == ["refused", "refused", "done"]


async def test_a_provider_that_is_not_there_is_unreachable() -> None:
    async with FakeProvider() as gone:
        url = gone.url
    registry = Registry([ProviderConfig("fake", base_url=url)], SystemWorld(), ollama_url=None)
    with pytest.raises(ProviderUnreachable) as caught:
        await ask(registry, "fake/x")
    assert caught.value.retryable
    assert caught.value.message.startswith("fake could not be reached")
    await registry.close()


async def test_no_key_is_in_any_error_or_name() -> None:
    async with FakeProvider(api_key="another") as fake:
        config = ProviderConfig("fake", base_url=fake.url, api_key=SECRET, headers={"x-extra": SECRET + "2"})
        registry = Registry([config], SystemWorld(), ollama_url=None)
        with pytest.raises(ProviderError) as caught:
            await ask(registry, "fake/x")
        error = caught.value
        assert fake.calls[0].headers["authorization"] == f"Bearer {SECRET}"
        assert error.message == "Incorrect API key provided: …."
        shown = [repr(config), repr(error), str(error), json.dumps(error_body(error, "r")), repr(error.__cause__)]
        shown += [repr(registry), repr(registry.get("fake/x")), repr(registry.models())]
        assert SECRET not in "".join(shown)
        await registry.close()


async def test_a_connection_is_used_again_after_a_whole_answer(registry: Registry, fake: FakeProvider) -> None:
    for _ in range(3):
        await ask(registry, "fake/fake-model")
    assert fake.accepted == 1


async def test_leaving_early_ends_the_call_at_once(registry: Registry, fake: FakeProvider) -> None:
    provider, model = registry.get(f"fake/{model_name(pace=0.01)}")
    async with aclosing(provider.stream(request(model))) as stream:
        await anext(stream)
    await until(lambda: not fake.connections)
    (call,) = fake.calls
    assert call.ended == "gone"
    assert call.sent < 100


async def test_cancelling_ends_the_call_at_once(registry: Registry, fake: FakeProvider) -> None:
    task = asyncio.create_task(ask(registry, f"fake/{model_name(pace=0.01)}"))
    await until(lambda: fake.calls and fake.calls[0].sent > 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    await until(lambda: not fake.connections)


async def test_openai_is_asked_in_its_own_terms(registry: Registry, fake: FakeProvider) -> None:
    await ask(registry, "openai/gpt-5-mini")
    body = fake.calls[0].body
    assert body["max_completion_tokens"] == 4000
    assert "temperature" not in body


@pytest.mark.parametrize("way", ["exact", "repeat", "preamble", "over", "rephrase", "refuse", "strip"])
@pytest.mark.parametrize("provider", ["fake", "prefill"])
async def test_the_fake_goes_on_with_a_partial_text_in_its_several_ways(
    registry: Registry, fake: FakeProvider, provider: str, way: str
) -> None:
    text = text_of(chunks=60)
    partial = text_of(chunks=31)
    rest = answer(await ask(registry, f"{provider}/{model_name(chunks=60, way=way)}", partial=partial))
    expected = {
        "exact": text[len(partial) :],
        "repeat": "t26 t27 t28 t29 t30" + text[len(partial) :],
        "preamble": "Sure, here is the rest:" + text[len(partial) :],
        "over": text,
        "strip": text[len(partial) + 1 :],
    }
    assert rest == expected.get(way, rest)
    assert fake.calls[0].partial == partial
    if provider == "fake" and way not in ("strip", "rephrase"):
        joined = joint(partial, rest)
        assert joined == text if way in ("exact", "repeat") else joined in (text, None)


def joint(partial: str, rest: str) -> str | None:
    """What the joint that runs use makes of it; None where it notices that the text was not continued."""
    seam = Seam(partial, prefill=False)
    try:
        return partial + seam.feed(rest) + seam.end()
    except NotContinued:
        return None


async def test_a_partial_text_may_end_in_the_middle_of_a_word(registry: Registry) -> None:
    text = text_of(chunks=20)
    rest = answer(await ask(registry, f"prefill/{model_name(chunks=20)}", partial=text[:25]))
    assert text[:25] + rest == text


async def test_parts_are_numbered_from_where_the_message_stands(registry: Registry) -> None:
    check_form(await ask(registry, f"fake/{model_name(chunks=3, reasoning=2)}", first_part=7), first_part=7)


async def test_an_answer_that_is_one_json_object_is_taken() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}'
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    assert answer(await ask_server(serve)) == "Hello"


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\n<p>", "answered with a web page"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 9\r\n\r\n<html>..\n", "own answered 502 Bad Gateway."),
        (b"HTTP/1.1 401 No\r\ncontent-length: 10\r\n\r\nNo access.", "No access."),
        (b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "own answered 307 Go."),
        (b"garbage\r\n\r\n", "the connection broke before it answered"),
    ],
)
async def test_answers_that_are_none_are_told_in_words(response: bytes, message: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()
        writer.close()

    with pytest.raises(ProviderError) as caught:
        await ask_server(serve)
    assert message in caught.value.message


async def test_an_answer_is_over_when_its_connection_breaks_after_its_reason() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n")
        writer.write(b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n')
        await writer.drain()
        writer.close()

    assert answer(await ask_server(serve)) == "Hi"


async def ask_server(serve: Any) -> list[dict[str, Any]]:
    """Ask a server that answers each connection by ``serve``."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = ProviderConfig("own", base_url=f"http://127.0.0.1:{port}")
    registry = Registry([config], SystemWorld(), ollama_url=None, stall_seconds=2)
    try:
        return await ask(registry, "own/x")
    finally:
        await registry.close()
        server.close()
        await server.wait_closed()


async def test_the_default_control_of_the_fake_can_be_changed(registry: Registry, fake: FakeProvider) -> None:
    fake.control = Control(chunks=3)
    assert answer(await ask(registry, "fake/fake-model")) == text_of(chunks=3)
