"""Conversations that go on after a recorded answer, with the same provider and with every other one in turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.gemini import framed as gemini_wire
from tests.fakes.messages import framed as messages_wire
from tests.providers.accepting import accepts
from tests.providers.asking import TOOL, check_form, request
from tests.providers.replaying import decoded, each, lines, recordings
from tests.providers.responses_reading import answers
from tests.providers.test_recordings import framed as completions_wire
from threadline.domain.catalog import ProviderConfig
from threadline.domain.messages import Message, Part, is_tool
from threadline.providers.protocol import ModelSettings
from threadline.providers.remote import Dialect, dialect_of

MAKERS: dict[str, tuple[str, str]] = {
    "openai": ("responses", "gpt-5"),
    "anthropic": ("messages", "claude-opus-4-8"),
    "google": ("gemini", "gemini-3-pro-preview"),
    "google-kept": ("interactions", "gemini-3-pro-preview"),
    "deepseek": ("completions", "deepseek-reasoner"),
    "xai": ("responses", "grok-4"),
    "openrouter": ("completions", "any/model"),
}
OF_FAMILY = {"openai-chat": "openrouter", "anthropic": "anthropic", "google": "google"}
WIRES: dict[str, Callable[[list[bytes]], bytes]] = {
    "openai-chat": completions_wire,
    "anthropic": messages_wire,
    "google": gemini_wire,
}


def dialect(kind: str) -> Dialect:
    if kind == "google-kept":
        return dialect_of(ProviderConfig("google", "google", background=True))
    return dialect_of(ProviderConfig(kind, kind))


def spoken(maker: str, wire: bytes, number: int) -> Message:
    """The answer that a maker's stream is, its own tools answered."""
    decoder = dialect(maker).decoder("Maker", request(MAKERS[maker][1]))
    parts = check_form(decoded(decoder, [wire])).parts
    return Message(f"a{number}", "assistant", [{"type": "step-start"}, *map(answered, parts)])


def answered(part: Part) -> Part:
    if not is_tool(part) or part["state"] != "input-available":
        return part
    return {**part, "state": "output-available", "output": {"degrees": 21}}


def asked(number: int) -> Message:
    return Message(f"u{number}", "user", [{"type": "text", "text": f"Question {number}"}])


def sent(maker: str, history: list[Message]) -> dict[str, Any]:
    chosen = ModelSettings(system="Be brief.", reasoning_effort="low")
    asking = request(MAKERS[maker][1], messages=history, settings=chosen, tools=[TOOL])
    body = dialect(maker).encode(asking)
    accepts(MAKERS[maker][0], body)
    return body


def signed(maker: str, answer: Message) -> list[str]:
    """What a maker signed or encrypted in an answer."""
    names = ("signature", "thoughtSignature", "reasoningEncryptedContent", "redactedData")
    metadata = [part.get(name) or {} for part in answer.parts for name in ("providerMetadata", "callProviderMetadata")]
    return [secret for about in metadata for name in names if (secret := about.get(maker, {}).get(name))]


def told(body: dict[str, Any]) -> str:
    return json.dumps(body)


def all_wires() -> dict[str, tuple[str, bytes]]:
    """Every recorded answer that did not fail: who gave it, and its bytes."""
    found = {
        name: (OF_FAMILY[family], WIRES[family](lines(path)))
        for family in OF_FAMILY
        for name, path in recordings(family).items()
    }
    return {**found, **{answer.name: ("openai", answer.wire()) for answer in answers()}}


each_wire = each("found", all_wires())


@each_wire
@pytest.mark.parametrize("other", MAKERS)
def test_after_a_recorded_answer_the_next_request_is_one_that_its_reader_accepts(
    found: tuple[str, bytes], other: str
) -> None:
    maker, wire = found
    answer = spoken(maker, wire, 0)
    body = sent(other, [asked(0), answer, asked(1)])
    for part in answer.parts:
        if part["type"] == "text":
            assert json.dumps(part["text"].strip())[1:-1] in told(body)
        elif is_tool(part) and not part.get("providerExecuted"):
            assert part["toolCallId"] in told(body) or other == "google"


@each_wire
def test_what_a_provider_signed_goes_back_to_it_and_to_nobody_else(found: tuple[str, bytes]) -> None:
    maker, wire = found
    answer = spoken(maker, wire, 0)
    history = [asked(0), answer, asked(1)]
    own = signed(maker, answer)
    for secret in own:
        assert secret in told(sent(maker, history))
    for other in set(MAKERS) - {maker}:
        assert not any(secret in told(sent(other, history)) for secret in own)


def test_recordings_of_three_makers_have_something_that_is_signed() -> None:
    wires = all_wires()
    if not wires:
        pytest.skip("no recordings")
    makers = {maker for maker, wire in wires.values() if signed(maker, spoken(maker, wire, 0))}
    assert makers == {"anthropic", "google", "openai"}


def test_ten_turns_of_which_each_has_another_provider_are_valid_throughout() -> None:
    wires = all_wires()
    if not wires:
        pytest.skip("no recordings")
    # Those with reasoning and tools first, and each maker in its turn.
    by_maker: dict[str, list[bytes]] = {}
    for maker, wire in wires.values():
        by_maker.setdefault(maker, []).append(wire)
    makers = sorted(by_maker)
    history: list[Message] = []
    seen: set[str] = set()
    for turn in range(10):
        history.append(asked(turn))
        for maker in MAKERS:
            sent(maker, history)
        maker = makers[turn % len(makers)]
        several = by_maker[maker]
        answer = spoken(maker, several[(turn // len(makers)) % len(several)], turn)
        seen |= {part["type"] for part in answer.parts}
        history.append(answer)
    assert len(makers) == 4
    assert "reasoning" in seen
    assert any(kind.startswith("tool-") for kind in seen)
