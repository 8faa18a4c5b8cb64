"""What a request says to a provider of the Responses API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.providers.asking import TOOL, assistant, request, said, user
from threadline.domain.catalog import ProviderConfig
from threadline.domain.messages import Message, Part
from threadline.providers.history import CONTINUE
from threadline.providers.protocol import ModelSettings
from threadline.providers.responses import Dialect, dialect_of, encode

OPENAI = dialect_of(ProviderConfig("openai", "openai"))
XAI = dialect_of(ProviderConfig("xai", "xai"))
STEP: Part = {"type": "step-start"}


def items(*history: Message, dialect: Dialect = OPENAI, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = encode(request("m", messages=list(history), **more), dialect)["input"]
    return found


def tool(state: str, call: str = "c1", **more: Any) -> Part:
    return {"type": "tool-weather", "toolCallId": call, "state": state, "input": {"city": "Oslo"}, **more}


def thought(text: str, secret: Any = "secret", item: Any = "rs_1", family: str = "openai") -> Part:
    told = {name: value for name, value in (("itemId", item), ("reasoningEncryptedContent", secret)) if value}
    return {"type": "reasoning", "text": text, "state": "done", "providerMetadata": {family: told}}


def cut(text: str) -> Part:
    """Reasoning that was cut off, whatever was encrypted of it."""
    part = thought(text)
    return part | {"providerMetadata": {**part["providerMetadata"], "threadline": {"interrupted": True}}}


def kinds(sent: list[dict[str, Any]]) -> list[Any]:
    return [one.get("type", one.get("role")) for one in sent]


def test_the_system_prompt_comes_first_and_the_settings_go_along() -> None:
    chosen = ModelSettings(max_tokens=70, temperature=0.1, system="Be brief.", sampling={"top_p": 0.5, "stop": ["."]})
    body = encode(request("gpt-4.1", settings=chosen, tools=[TOOL]), OPENAI)
    assert body["input"][0] == {"role": "system", "content": "Be brief."}
    assert (body["max_output_tokens"], body["temperature"], body["top_p"]) == (70, 0.1, 0.5)
    assert (body["stream"], body["store"]) == (True, False)
    assert "stop" not in body
    assert "include" not in body


def test_a_tool_is_strict_only_where_that_is_wanted() -> None:
    strict = replace(TOOL, strict=True)
    first, second = encode(request("m", tools=[TOOL, strict]), OPENAI)["tools"]
    assert (first["type"], first["name"], first["strict"], second["strict"]) == ("function", "weather", False, True)


def test_what_is_left_to_the_provider_is_not_sent() -> None:
    body = encode(request("gpt-4.1", settings=ModelSettings(None, None)), OPENAI)
    assert body.keys() == {"model", "input", "stream", "store"}


def test_the_fewest_tokens_that_a_provider_takes_are_asked_for_at_least() -> None:
    assert encode(request("m", settings=ModelSettings(max_tokens=1)), OPENAI)["max_output_tokens"] == 16


def test_how_tools_are_to_be_used_and_what_form_the_answer_has_goes_along() -> None:
    shape = {"type": "json_schema", "name": "place", "schema": {"type": "object"}, "strict": True}
    chosen = ModelSettings(tool_choice={"name": "weather"}, parallel_tool_calls=False, response_format=shape)
    body = encode(request("m", settings=chosen, tools=[TOOL]), OPENAI)
    assert body["tool_choice"] == {"type": "function", "name": "weather"}
    assert body["parallel_tool_calls"] is False
    assert body["text"] == {"format": shape}
    chosen = ModelSettings(tool_choice="required", response_format={"type": "json_object"})
    assert encode(request("m", settings=chosen, tools=[TOOL]), OPENAI)["tool_choice"] == "required"
    bare = encode(request("m", settings=chosen), OPENAI)
    assert "tool_choice" not in bare
    assert bare["text"] == {"format": {"type": "json_object"}}


@pytest.mark.parametrize(
    "model", ["o1", "o4-mini", "gpt-5", "gpt-5.2", "gpt-6-sol", "gpt-10", "codex-mini", "ft:o4-mini:x"]
)
def test_reasoning_models_of_openai_get_an_effort_and_no_temperature(model: str) -> None:
    chosen = ModelSettings(reasoning_effort="high", sampling={"top_p": 0.5})
    body = encode(request(model, settings=chosen), OPENAI)
    assert body["reasoning"] == {"effort": "high"}
    assert body["include"] == ["reasoning.encrypted_content"]
    assert not body.keys() & {"temperature", "top_p"}
    assert "reasoning" not in encode(request(model), OPENAI)


def test_a_reasoning_model_that_is_told_not_to_reason_takes_a_temperature() -> None:
    body = encode(request("gpt-5.2", settings=ModelSettings(reasoning_effort="none")), OPENAI)
    assert (body["reasoning"], body["temperature"]) == ({"effort": "none"}, 0.7)


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o", "gpt-5-chat-latest", "ft:gpt-4.1:x"])
def test_other_models_of_openai_get_a_temperature_and_are_asked_for_no_reasoning(model: str) -> None:
    body = encode(request(model, settings=ModelSettings(reasoning_effort="high")), OPENAI)
    assert body["temperature"] == 0.7
    assert not body.keys() & {"reasoning", "include"}


def test_other_providers_get_both() -> None:
    body = encode(request("grok-4", settings=ModelSettings(reasoning_effort="low")), XAI)
    assert (body["temperature"], body["reasoning"]) == (0.7, {"effort": "low"})
    assert body["include"] == ["reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("part", "result"),
    [
        (tool("output-available", output={"degrees": 21}), '{"degrees":21}'),
        (tool("output-available", output="21 degrees"), "21 degrees"),
        (tool("output-available", output=None), "null"),
        (tool("output-error", errorText="It rained in."), "It rained in."),
        (tool("input-available"), "interrupted"),
        (tool("input-streaming"), "interrupted"),
        (tool("approval-requested"), "interrupted"),
        (tool("output-denied", approval={"id": "x", "reason": "Too cold."}), "did not allow this call. Too cold."),
    ],
)
def test_every_call_in_the_history_has_an_output(part: Part, result: str) -> None:
    _, called, answered = items(user("Hi"), assistant(part))
    assert called == {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Oslo"}'}
    assert (answered["type"], answered["call_id"]) == ("function_call_output", "c1")
    assert result in answered["output"]


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [(None, "{}"), ("", "{}"), ('{"ci', '{"unparsed_arguments":"{\\"ci"}'), ({"a": 1}, '{"a":1}')],
)
def test_arguments_in_the_history_are_always_json_objects(arguments: Any, sent: str) -> None:
    part = tool("output-error", errorText="Broken.") | {"input": arguments}
    assert items(user("Hi"), assistant(part))[1]["arguments"] == sent


def test_calls_side_by_side_are_followed_by_their_outputs_and_what_comes_after_follows_these() -> None:
    one, two = tool("output-available", "c1", output=1), tool("output-available", "c2", output=2)
    sent = items(user("Hi"), assistant(STEP, said("a"), one, two, said("b"), STEP, said("c")))[1:]
    call, output = "function_call", "function_call_output"
    assert kinds(sent) == ["assistant", call, call, output, output, "assistant", "assistant"]
    assert [one.get("call_id") for one in sent[1:5]] == ["c1", "c2", "c1", "c2"]


def test_ids_and_names_of_other_providers_are_made_such_that_this_one_takes_them() -> None:
    long = "call_" + "x" * 100
    other = {
        "type": "dynamic-tool",
        "toolName": "my.tool/ä",
        "toolCallId": long,
        "state": "output-available",
        "output": 1,
    }
    _, called, answered = items(user("Hi"), assistant(other))
    assert called["name"] == "my_tool__"
    assert called["call_id"] == answered["call_id"]
    assert len(called["call_id"]) <= 64
    assert items(user("Hi"), assistant(other))[1]["call_id"] == called["call_id"]
    another = items(user("Hi"), assistant({**other, "toolCallId": long + "y"}))[1]
    assert another["call_id"] != called["call_id"]


def test_what_the_provider_ran_itself_and_the_files_it_made_are_left_out() -> None:
    search = tool("output-available", output={}, providerExecuted=True)
    file: Part = {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AAAA"}
    source: Part = {"type": "source-url", "sourceId": "x", "url": "x"}
    assert kinds(items(user("Hi"), assistant(search, said("So."), file, source))) == ["user", "assistant"]


def test_reasoning_goes_back_whole_in_front_of_what_came_of_it() -> None:
    done = tool("output-available", output=1)
    sent = items(
        user("Hi"), assistant(STEP, thought("a", None), thought("b"), done, STEP, thought("", "s2", "rs_2"), said("c"))
    )
    assert kinds(sent) == ["user", "reasoning", "function_call", "function_call_output", "reasoning", "assistant"]
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    assert sent[1] == {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "secret"}
    assert sent[4] == {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "s2"}


def test_reasoning_between_calls_goes_back_where_it_was() -> None:
    one, two = tool("output-available", "c1", output=1), tool("output-available", "c2", output=2)
    sent = items(user("Hi"), assistant(STEP, thought("a"), one, thought("b", "s2", "rs_2"), two))[1:]
    call, output = "function_call", "function_call_output"
    assert kinds(sent) == ["reasoning", call, output, "reasoning", call, output]
    assert [(one["id"], len(one["summary"])) for one in sent if one["type"] == "reasoning"] == [
        ("rs_1", 1),
        ("rs_2", 1),
    ]


def test_of_reasoning_right_after_reasoning_only_what_the_text_follows_goes_back() -> None:
    sent = items(user("Hi"), assistant(STEP, thought("a"), thought("b", "s2", "rs_2"), said("c")))
    summary = [{"type": "summary_text", "text": "b"}]
    assert sent[1] == {"type": "reasoning", "id": "rs_2", "summary": summary, "encrypted_content": "s2"}
    assert len(sent) == 3


@pytest.mark.parametrize(
    "parts",
    [
        [thought("of another family", family="xai"), said("a")],
        [thought("of Anthropic", family="anthropic"), said("a")],
        [{"type": "reasoning", "text": "of nobody"}, said("a")],
        [thought("without what is encrypted", None), said("a")],
        [thought("without an id", item=None), said("a")],
        [cut("a"), said("a")],
        [thought("cut") | {"state": "streaming"}, said("a")],
        [{"type": "reasoning", "text": "odd", "providerMetadata": {"openai": "x"}}, said("a")],
        [thought("odd", 5, 5), said("a")],
        [said("a"), thought("that nothing follows")],
        [thought("of a step that was cut"), STEP, said("a")],
        [thought("before more of it"), thought("b", item="rs_2", family="xai"), said("a")],
        [thought("b"), tool("output-available", providerExecuted=True), thought("c", None, "rs_2"), said("a")],
    ],
)  # fmt: skip
def test_reasoning_that_a_provider_would_refuse_is_left_out(parts: list[Part]) -> None:
    assert items(user("Hi"), assistant(STEP, *parts))[1:] == [{"role": "assistant", "content": "a"}]


def test_each_provider_gets_back_its_own_reasoning() -> None:
    part = thought("a", family="xai")
    assert kinds(items(user("Hi"), assistant(part, said("b")), dialect=XAI)) == ["user", "reasoning", "assistant"]
    assert dialect_of(ProviderConfig("mine", "openai")).family == "openai"
    assert dialect_of(ProviderConfig("mine", "openai", base_url="http://a.example/v1")).family == "mine"
    assert dialect_of(ProviderConfig("mine", base_url="http://a.example/v1")).family == "mine"


def test_the_phase_of_a_text_goes_back_with_it() -> None:
    def phased(phase: Any, family: str = "openai") -> Part:
        return said("a") | {"providerMetadata": {family: {"phase": phase}}}

    sent = items(user("x"), assistant(phased("commentary"), phased("final_answer", "xai"), phased("odd")))
    assert [one.get("phase") for one in sent[1:]] == ["commentary", None, None]


def test_files_go_in_the_form_that_their_type_takes() -> None:
    def file(media_type: str, url: str, name: str | None = None) -> Part:
        return {"type": "file", "mediaType": media_type, "url": url, "filename": name}

    parts = [
        {"type": "text", "text": "Look:"},
        file("image/png", "https://a.example/a.png"),
        file("image/png", "data:image/png;base64,AAAA"),
        file("application/pdf", "data:application/pdf;base64,AAAA", "a.pdf"),
        file("application/pdf", "data:application/pdf;base64,AAAA"),
        file("application/pdf", "https://a.example/a.pdf", "a.pdf"),
        file("text/plain", "data:text/plain;base64,aGVsbG8=", "a.txt"),
        file("audio/mpeg", "data:audio/mpeg;base64,AAAA", "a.mp3"),
        {"type": "data-note", "data": 1},
    ]
    (sent,) = items(Message("u", "user", parts))
    image = {"type": "input_image", "detail": "auto"}
    pdf = {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA"}
    *known, audio = sent["content"]
    assert known == [
        {"type": "input_text", "text": "Look:"},
        {**image, "image_url": "https://a.example/a.png"},
        {**image, "image_url": "data:image/png;base64,AAAA"},
        {**pdf, "filename": "a.pdf"},
        {**pdf, "filename": "file.pdf"},
        {"type": "input_file", "file_url": "https://a.example/a.pdf"},
        {"type": "input_text", "text": "a.txt:\n\nhello"},
    ]
    assert "a.mp3" in audio["text"]


def test_a_message_of_text_alone_is_plain_text_and_an_empty_one_is_left_out() -> None:
    sent = items(
        Message("s", "system", [{"type": "text", "text": "Be kind."}]),
        Message("s", "system", []),
        Message("u", "user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        Message("u", "user", [{"type": "text", "text": ""}]),
        assistant(said("")),
    )
    assert sent == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "a\n\nb"}]


def test_a_partial_text_is_followed_by_the_instruction_to_go_on() -> None:
    sent = items(user("Hi"), partial="Once upon")
    assert sent[1:] == [{"role": "assistant", "content": "Once upon"}, {"role": "user", "content": CONTINUE}]
    assert OPENAI.continues == "instruction"
    sent = items(user("Hi"), assistant(said("a ")), partial="b")
    assert sent[1:] == [{"role": "assistant", "content": "a b"}, {"role": "user", "content": CONTINUE}]
    sent = items(user("Hi"), assistant(thought("x"), tool("output-available", output=1)), partial="b")
    assert kinds(sent)[1:] == ["reasoning", "function_call", "function_call_output", "assistant", "user"]


def test_the_messages_themselves_stay_as_they_are() -> None:
    history = [user("Hi"), assistant(thought("a", None), thought("b"), said("c"))]
    before = [Message(one.id, one.role, [dict(part) for part in one.parts]) for one in history]
    items(*history, partial="d")
    assert history == before
