"""What a request says to Anthropic beside its messages, for each generation of its models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.providers.asking import TOOL, assistant, request, said, user
from threadline.domain.catalog import ProviderConfig
from threadline.domain.messages import Message, Part
from threadline.providers.history import CONTINUE
from threadline.providers.messages import Dialect, dialect_of, encode
from threadline.providers.messages.encode import ANSWER
from threadline.providers.protocol import ModelSettings

NEWEST = "claude-opus-5-5"
OLD = "claude-sonnet-4-5-20250929"
BETA = "thinking-binding-controls-2026-08-01"
SHOWN = {"type": "adaptive", "display": "summarized"}
THOUGHT: Part = {"type": "reasoning", "text": "Hm.", "providerMetadata": {"anthropic": {"signature": "s1"}}}
CALLED: Part = {"type": "tool-look", "toolCallId": "c1", "state": "output-available", "input": {}, "output": 1}
STEP: Part = {"type": "step-start"}


def body(model: str = NEWEST, dialect: Dialect = Dialect(), **more: Any) -> dict[str, Any]:
    settings = {"max_tokens": 4000, "temperature": None, **more.pop("settings", {})}
    return encode(request(model, settings=ModelSettings(**settings), **more), dialect)


def thinking(model: str, effort: str | None, **settings: Any) -> tuple[Any, Any]:
    sent = body(model, settings={"reasoning_effort": effort, **settings})
    return sent.get("thinking"), (sent.get("output_config") or {}).get("effort")


def thoughts(sent: dict[str, Any]) -> list[str]:
    return [one["thinking"] for told in sent["messages"] for one in told["content"] if one["type"] == "thinking"]


def test_the_plain_request_says_no_more_than_it_must() -> None:
    assert encode(request(OLD, settings=ModelSettings(None, None))) == {
        "model": OLD,
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "stream": True,
    }


def test_the_path_is_that_of_messages() -> None:
    assert Dialect().path(request(OLD)) == "/messages"


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        (NEWEST, None, 128_000),
        (NEWEST, 200_000, 128_000),
        (OLD, 70_000, 64_000),
        ("claude-3-haiku-20240307", None, 4096),
        ("claude-3-haiku-20240307", 70_000, 70_000),
        ("another-model", None, 4096),
        (NEWEST, 7, 7),
    ],
)
def test_the_limit_is_always_named_and_never_above_the_models_own(model: str, wanted: int | None, sent: int) -> None:
    assert body(model, settings={"max_tokens": wanted})["max_tokens"] == sent


@pytest.mark.parametrize(
    ("model", "sampling", "sent"),
    [
        ("claude-3-haiku-20240307", {"top_p": 0.5}, {"temperature": 0.7, "top_p": 0.5}),
        ("claude-opus-4-20250514", {"top_p": 0.5}, {"temperature": 0.7, "top_p": 0.5}),
        ("claude-opus-4-1", {"top_p": 0.5}, {"top_p": 0.5}),
        (OLD, {}, {"temperature": 0.7}),
        ("claude-sonnet-4-6", {}, {"temperature": 0.7}),
        ("claude-opus-4-7", {"top_p": 0.5}, {}),
        ("claude-mythos-preview", {}, {}),
        ("claude-haiku-7", {}, {}),
        (NEWEST, {}, {}),
        ("another-model", {"top_p": 0.5}, {"temperature": 0.7, "top_p": 0.5}),
    ],
)
def test_sampling_goes_to_those_models_alone_that_take_it(
    model: str, sampling: dict[str, Any], sent: dict[str, Any]
) -> None:
    found = body(model, settings={"temperature": 0.7, "sampling": {**sampling, "seed": 1, "presence_penalty": 1}})
    assert {name: found[name] for name in ("temperature", "top_p") if name in found} == sent
    assert not {"seed", "presence_penalty"} & set(found)


def test_a_temperature_is_never_above_one_and_never_goes_with_thinking() -> None:
    assert body(OLD, settings={"temperature": 1.8})["temperature"] == 1.0
    chosen = {"temperature": 0.5, "reasoning_effort": "high"}
    for model in (OLD, "claude-sonnet-4-6"):
        assert "temperature" not in body(model, settings=chosen)
        assert "top_p" not in body(model, settings={**chosen, "sampling": {"top_p": 0.5}})
        assert body(model, settings={**chosen, "sampling": {"top_p": 0.97}})["top_p"] == 0.97


@pytest.mark.parametrize(("stop", "sent"), [("END", ["END"]), (["a", "\n", "b"], ["a", "b"]), ([], None), (None, None)])
def test_where_to_stop_goes_along_but_white_space_is_refused(stop: Any, sent: Any) -> None:
    assert body(settings={"sampling": {"stop": stop}}).get("stop_sequences") == sent


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        (NEWEST, None, (SHOWN, None)),
        (NEWEST, "none", (SHOWN, "low")),
        (NEWEST, "minimal", (SHOWN, "low")),
        (NEWEST, "high", (SHOWN, "high")),
        (NEWEST, "xhigh", (SHOWN, "xhigh")),
        ("claude-fable-5", "none", (SHOWN, "low")),
        ("claude-opus-5", "none", ({"type": "disabled"}, None)),
        ("claude-haiku-5-5", "none", ({"type": "disabled"}, None)),
        ("claude-sonnet-5-5", "none", ({"type": "between_tools"}, None)),
        ("claude-opus-4-8", None, (None, None)),
        ("claude-opus-4-8", "none", (None, None)),
        ("claude-opus-4-8", "medium", (SHOWN, "medium")),
        ("claude-sonnet-4-6", "xhigh", ({"type": "adaptive"}, "max")),
        (OLD, None, (None, None)),
        (OLD, "none", (None, None)),
        (OLD, "minimal", ({"type": "enabled", "budget_tokens": 1024}, None)),
        (OLD, "high", ({"type": "enabled", "budget_tokens": 2000}, None)),
        ("claude-3-5-sonnet-20241022", "high", (None, None)),
        ("another-model", "low", ({"type": "enabled", "budget_tokens": 2000}, None)),
    ],
)
def test_an_effort_is_told_in_the_models_own_way(model: str, effort: str | None, sent: tuple[Any, Any]) -> None:
    assert thinking(model, effort) == sent


def test_a_budget_leaves_half_of_the_limit_or_is_not_given() -> None:
    assert thinking(OLD, "high", max_tokens=2047) == (None, None)
    assert thinking(OLD, "medium", max_tokens=64_000)[0]["budget_tokens"] == 10_000


def test_a_budget_is_not_given_in_the_middle_of_a_turn_that_began_without_thinking() -> None:
    chosen = {"reasoning_effort": "high"}
    for parts, thinks in (([STEP, CALLED], False), ([STEP, THOUGHT, CALLED, STEP, CALLED], True)):
        sent = body(OLD, settings=chosen, messages=[user("Hi"), assistant(*parts)])
        assert ("thinking" in sent) is thinks
        assert "thinking" in body(NEWEST, settings=chosen, messages=[user("Hi"), assistant(*parts)])
    past = [user("Hi"), assistant(STEP, CALLED, STEP, said("So.")), user("And?", 1)]
    assert "thinking" in body(OLD, settings=chosen, messages=past)


@pytest.mark.parametrize(
    ("choice", "single", "model", "sent"),
    [
        (None, None, OLD, None),
        (None, True, OLD, None),
        (None, False, OLD, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", None, OLD, {"type": "auto"}),
        ("none", False, OLD, {"type": "none"}),
        ("required", None, OLD, {"type": "any"}),
        ({"name": "weather"}, False, OLD, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}),
        ("required", None, NEWEST, {"type": "auto"}),
        ({"name": "weather"}, None, "claude-fable-5-1", {"type": "auto"}),
        ("required", None, "claude-haiku-5-5", {"type": "any"}),
    ],
)
def test_how_tools_are_to_be_used_is_told_as_far_as_the_model_can_be_made_to(
    choice: Any, single: bool | None, model: str, sent: Any
) -> None:
    chosen = {"tool_choice": choice, "parallel_tool_calls": single}
    found = body(model, settings=chosen, tools=[TOOL])
    assert found.get("tool_choice") == sent
    assert "tool_choice" not in body(model, settings=chosen)
    assert found["tools"] == [{"name": "weather", "description": "The weather.", "input_schema": TOOL.parameters}]


def test_a_model_with_a_budget_that_must_call_a_tool_does_not_think_first() -> None:
    chosen = {"tool_choice": "required", "reasoning_effort": "high"}
    assert "thinking" not in body(OLD, settings=chosen, tools=[TOOL])
    assert "thinking" in body("claude-opus-5", settings=chosen, tools=[TOOL])


def test_a_tool_takes_an_object_and_is_described_where_there_are_words_for_it() -> None:
    bare = replace(TOOL, description="", parameters={"properties": {}})
    assert body(tools=[bare])["tools"] == [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}]


SCHEMA = {
    "$schema": "x",
    "type": "object",
    "properties": {
        "minimum": {"type": "integer", "minimum": 3, "description": "A number."},
        "list": {"type": "array", "items": {"type": "object", "additionalProperties": True}, "minItems": 1},
        "many": {"type": "array", "minItems": 2},
        "when": {"type": "string", "format": "date"},
        "odd": {"type": "string", "format": "odd"},
        "either": {"oneOf": [{"$ref": "#/$defs/one", "title": "One"}, {"type": "null"}]},
        "some": {"type": ["object", "null"], "default": None},
        "listed": {"type": ["string", "null"], "enum": ["a", None]},
    },
    "required": ["list"],
    "$defs": {"one": {"enum": [1]}},
}
HELD = {
    "type": "object",
    "properties": {
        "minimum": {"type": "integer", "description": "A number.\n\n{minimum: 3}"},
        "list": {"type": "array", "items": {"type": "object", "additionalProperties": False}, "minItems": 1},
        "many": {"type": "array", "description": "{minItems: 2}"},
        "when": {"type": "string", "format": "date"},
        "odd": {"type": "string", "description": "{format: odd}"},
        "either": {"anyOf": [{"$ref": "#/$defs/one"}, {"type": "null"}]},
        "some": {
            "anyOf": [
                {"type": "object", "description": "{default: None}", "additionalProperties": False},
                {"type": "null", "description": "{default: None}"},
            ]
        },
        "listed": {"enum": ["a", None]},
    },
    "required": ["list"],
    "$defs": {"one": {"enum": [1]}},
    "additionalProperties": False,
}


def test_a_schema_is_written_in_the_part_to_which_the_model_can_be_held() -> None:
    wanted = {"type": "json_schema", "name": "place", "schema": SCHEMA}
    chosen = {"response_format": wanted, "reasoning_effort": "low"}
    sent = body(settings=chosen)["output_config"]
    assert sent == {"effort": "low", "format": {"type": "json_schema", "schema": HELD}}
    assert body("claude-opus-4-1", settings={"response_format": wanted})["output_config"]["format"]["schema"] == HELD
    assert "output_config" not in body("claude-opus-4-0", settings={"response_format": wanted})
    assert "output_config" not in body(OLD, settings={"response_format": {"type": "json_object"}})
    assert "format" not in body(settings=chosen, partial='{"a":')["output_config"]


def test_a_strict_tool_is_held_to_its_schema_where_the_model_can_be() -> None:
    strict = replace(TOOL, parameters=SCHEMA, strict=True)
    assert body(tools=[strict])["tools"][0] | {"description": ""} == {
        "name": "weather",
        "description": "",
        "input_schema": HELD,
        "strict": True,
    }
    assert body("claude-opus-4-0", tools=[strict])["tools"][0]["input_schema"] == SCHEMA
    assert "strict" not in body(tools=[replace(strict, strict=False)])["tools"][0]


def test_all_that_the_system_says_stands_in_one_place() -> None:
    told = Message("s", "system", [{"type": "text", "text": "Be kind."}])
    empty = Message("t", "system", [{"type": "text", "text": " \n"}])
    sent = body(settings={"system": "Be brief."}, messages=[told, user("Hi"), empty, assistant(said("a")), user("b")])
    assert sent["system"] == "Be brief.\n\nBe kind."
    assert [one["role"] for one in sent["messages"]] == ["user", "assistant", "user"]
    assert "system" not in body(settings={"system": "  "}, messages=[empty, user("Hi")])


HISTORY = [user("a"), assistant(STEP, THOUGHT, said("b")), user("c", 1), assistant(STEP, THOUGHT, CALLED)]


@pytest.mark.parametrize(
    ("model", "headers", "thought", "binding"),
    [
        ("claude-opus-5", {}, 2, None),
        (NEWEST, {}, 1, None),
        (NEWEST, {"Anthropic-Beta": f"other,{BETA}"}, 2, {"prefix_mismatch_behavior": "drop_block"}),
        ("claude-opus-5", {"anthropic-beta": BETA}, 2, None),
        (NEWEST, {"anthropic-beta": "other"}, 1, None),
    ],
)
def test_reasoning_that_is_bound_to_its_conversation_goes_back_where_a_change_does_no_harm(
    model: str, headers: dict[str, str], thought: int, binding: Any
) -> None:
    config = ProviderConfig("anthropic", "anthropic", base_url="https://gate.example", headers=headers)
    sent = body(model, dialect_of(config), messages=HISTORY)
    assert len(thoughts(sent)) == thought
    assert sent["thinking"].get("block_binding") == binding


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-haiku-5-5"])
def test_what_becomes_of_reasoning_is_not_asked_where_the_model_is_not_to_think(model: str) -> None:
    sent = body(model, Dialect(binding=True), settings={"reasoning_effort": "none"}, messages=HISTORY)
    assert sent["thinking"].keys() == {"type"}


def test_reasoning_does_not_go_back_where_the_model_is_not_to_think() -> None:
    assert thoughts(body("claude-opus-5", settings={"reasoning_effort": "none"}, messages=HISTORY)) == []


@pytest.mark.parametrize(
    ("config", "origin"),
    [
        (ProviderConfig("anthropic", "anthropic"), None),
        (ProviderConfig("mine", "anthropic"), None),
        (ProviderConfig("anthropic", "anthropic", base_url="https://gate.example"), None),
        (ProviderConfig("gate", "anthropic", base_url="https://gate.example"), "gate"),
        (ProviderConfig("gate", base_url="https://gate.example", dialect="messages"), "gate"),
    ],
)
def test_signatures_of_others_who_speak_the_dialect_are_proof_to_them_alone(
    config: ProviderConfig, origin: str | None
) -> None:
    dialect = dialect_of(config)
    assert dialect.origin == origin
    kept = [{**THOUGHT, "providerMetadata": {"anthropic": {"signature": "s", "origin": one}}} for one in ("gate", "x")]
    answer = assistant(STEP, THOUGHT, *kept, said("b"))
    assert len(thoughts(body("claude-opus-5", dialect, messages=[user("a"), answer]))) == (2 if origin else 1)


def told(sent: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["role"], "".join(block.get("text", "-") for block in one["content"])) for one in sent["messages"]]


def test_a_partial_text_is_followed_by_the_instruction_to_go_on() -> None:
    assert Dialect().continues == "instruction"
    sent = told(body(partial="Once upon "))
    assert sent == [("user", "Hello"), ("assistant", "Once upon "), ("user", CONTINUE)]


def test_a_partial_text_after_the_text_of_the_same_answer_is_one_block() -> None:
    sent = body(messages=[user("Hi"), assistant(said("a "))], partial="b")
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "a b"}]


def test_a_partial_text_after_a_tools_result_is_a_message_of_its_own() -> None:
    sent = told(body(messages=[user("Hi"), assistant(CALLED)], partial="b"))
    assert sent == [("user", "Hi"), ("assistant", "-"), ("user", "-"), ("assistant", "b"), ("user", CONTINUE)]


@pytest.mark.parametrize(
    ("model", "partial", "prefilled"), [(OLD, "Once", True), (OLD, "Once ", False), (NEWEST, "Once", False)]
)
def test_a_prefill_goes_to_a_model_that_takes_it_and_does_not_think_then(
    model: str, partial: str, prefilled: bool
) -> None:
    dialect = dialect_of(ProviderConfig("anthropic", "anthropic", prefill=True))
    assert dialect.continues == "prefill"
    sent = body(model, dialect, settings={"reasoning_effort": "high"}, partial=partial)
    assert (told(sent)[-1] == ("assistant", partial)) is prefilled
    assert ("thinking" in sent) is not prefilled


def test_a_prefill_in_a_turn_that_began_with_thinking_is_written_without_more_of_it() -> None:
    history = [user("Hi"), assistant(STEP, THOUGHT, CALLED)]
    chosen = {"reasoning_effort": "high"}
    assert "thinking" not in body(OLD, Dialect(prefill=True), settings=chosen, messages=history, partial="So")


@pytest.mark.parametrize("partial", ["", " \n"])
def test_a_history_that_ends_with_an_answer_is_still_a_question(partial: str) -> None:
    assert told(body(messages=[user("Hi"), assistant(said("a"))], partial=partial))[-1] == ("user", ANSWER)
    assert told(body(messages=[user("Hi")], partial=partial)) == [("user", "Hi")]
    assert told(body(messages=[user(" ")])) == [("user", ANSWER)]
