"""What a request says to a provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.providers.asking import TOOL, assistant, request, said, user
from threadline.domain.catalog import ProviderConfig
from threadline.domain.messages import Message, Part
from threadline.providers.completions import CONTINUE, Dialect, dialect_of, encode
from threadline.providers.protocol import ModelSettings

OPENAI = dialect_of(ProviderConfig("openai", "openai"))


def messages(*history: Message, dialect: Dialect = Dialect(), **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = encode(request("m", messages=list(history), **more), dialect)["messages"]
    return found


def tool(state: str, **more: Any) -> Part:
    return {"type": "tool-weather", "toolCallId": "c1", "state": state, "input": {"city": "Oslo"}, **more}


def test_the_system_prompt_comes_first_and_the_settings_go_along() -> None:
    chosen = ModelSettings(max_tokens=7, temperature=0.1, system="Be brief.", reasoning_effort="low")
    body = encode(request("m", settings=chosen, tools=[TOOL]))
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["max_tokens"], body["temperature"], body["reasoning_effort"]) == (7, 0.1, "low")
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["tools"][0]["function"]["name"] == "weather"


def test_what_is_left_to_the_provider_is_not_sent() -> None:
    body = encode(request("m", settings=ModelSettings(None, None)), Dialect(usage=False))
    assert body.keys() == {"model", "messages", "stream"}


def test_how_tools_are_to_be_used_and_what_form_the_answer_has_goes_along() -> None:
    shape = {"name": "place", "schema": {"type": "object"}, "strict": True}
    chosen = ModelSettings(
        None,
        None,
        tool_choice={"name": "weather"},
        parallel_tool_calls=False,
        response_format={"type": "json_schema", **shape},
        sampling={"top_p": 0.5, "stop": ["."]},
    )
    strict = replace(TOOL, strict=True)
    body = encode(request("m", settings=chosen, tools=[strict]))
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["tools"][0]["function"]["strict"] is True
    assert body["parallel_tool_calls"] is False
    assert body["response_format"] == {"type": "json_schema", "json_schema": shape}
    assert (body["top_p"], body["stop"]) == (0.5, ["."])
    chosen = ModelSettings(None, None, tool_choice="required", response_format={"type": "json_object"})
    assert encode(request("m", settings=chosen, tools=[TOOL]))["tool_choice"] == "required"
    bare = encode(request("m", settings=chosen))
    assert "tool_choice" not in bare
    assert bare["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5.1"])
def test_reasoning_models_of_openai_get_an_effort_and_no_temperature(model: str) -> None:
    body = encode(request(model, settings=ModelSettings(reasoning_effort="high")), OPENAI)
    assert body["max_completion_tokens"] == 4000
    assert body["reasoning_effort"] == "high"
    assert "temperature" not in body
    assert "max_tokens" not in body


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o", "gpt-5-chat-latest"])
def test_other_models_of_openai_get_a_temperature_and_no_effort(model: str) -> None:
    body = encode(request(model, settings=ModelSettings(reasoning_effort="high")), OPENAI)
    assert body["temperature"] == 0.7
    assert "reasoning_effort" not in body


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
def test_every_tool_call_in_the_history_has_a_result(part: Part, result: str) -> None:
    _, called, answered = messages(user("Hi"), assistant(part))
    assert called["tool_calls"][0]["id"] == answered["tool_call_id"] == "c1"
    assert answered["role"] == "tool"
    assert result in answered["content"]


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [(None, "{}"), ("", "{}"), ('{"ci', '{"unparsed_arguments":"{\\"ci"}'), ({"a": 1}, '{"a":1}')],
)
def test_arguments_in_the_history_are_always_json_objects(arguments: Any, sent: str) -> None:
    part = tool("output-error", errorText="Broken.") | {"input": arguments}
    assert messages(user("Hi"), assistant(part))[1]["tool_calls"][0]["function"]["arguments"] == sent


def test_the_steps_of_an_answer_are_messages_of_their_own() -> None:
    step: Part = {"type": "step-start"}
    done = tool("output-available", output=1)
    answer = assistant(step, said("Let me see."), done, step, said("It is 1."), {"type": "source-url", "url": "x"})
    roles = [(one["role"], one.get("content")) for one in messages(user("Hi"), answer)[1:]]
    assert roles == [("assistant", "Let me see."), ("tool", "1"), ("assistant", "It is 1.")]


def test_text_that_followed_a_call_in_the_same_step_follows_its_result() -> None:
    answer = assistant(said("a"), tool("output-error", errorText="cut"), said("b"))
    assert [one["role"] for one in messages(user("Hi"), answer)] == ["user", "assistant", "tool", "assistant"]


def test_empty_answers_and_reasoning_are_left_out() -> None:
    thought: Part = {"type": "reasoning", "text": "Hm."}
    assert [one["role"] for one in messages(user("a"), assistant(thought, said("")), user("b"))] == ["user", "user"]


def test_reasoning_goes_back_where_the_provider_wants_it_and_only_in_the_current_turn() -> None:
    deepseek = dialect_of(ProviderConfig("deepseek", "deepseek"))
    thought: Part = {"type": "reasoning", "text": "Hm."}
    step: Part = {"type": "step-start"}
    done = tool("output-available", output=1)
    past = assistant(thought, done, step, said("One."))
    now = assistant(step, thought, done, step, done, step, thought, said("Two."))
    sent = messages(user("a"), past, user("b"), now, dialect=deepseek)
    told = [one.get("reasoning_content", "-") for one in sent if one["role"] == "assistant"]
    assert told == ["-", "-", "Hm.", "", "-"]


def test_files_go_in_the_form_that_their_type_takes() -> None:
    def file(media_type: str, url: str, name: str | None = None) -> Part:
        return {"type": "file", "mediaType": media_type, "url": url, "filename": name}

    parts = [
        {"type": "text", "text": "Look:"},
        file("image/png", "https://a.example/a.png"),
        file("application/pdf", "data:application/pdf;base64,AAAA", "a.pdf"),
        file("text/plain", "data:text/plain;base64,aGVsbG8=", "a.txt"),
        file("text/plain", "data:text/plain,h%C3%A4", "b.txt"),
        file("audio/mpeg", "data:audio/mpeg;base64,AAAA"),
        {"type": "data-note", "data": 1},
    ]
    (sent,) = messages(Message("u", "user", parts))
    assert sent["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://a.example/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "text", "text": "a.txt:\n\nhello"},
        {"type": "text", "text": "b.txt:\n\nhä"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ]


def test_a_message_of_text_alone_is_plain_text() -> None:
    (sent,) = messages(Message("u", "user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))
    assert sent == {"role": "user", "content": "a\n\nb"}


def test_a_partial_text_is_followed_by_the_instruction_to_go_on() -> None:
    sent = messages(user("Hi"), partial="Once upon")
    assert sent[1:] == [{"role": "assistant", "content": "Once upon"}, {"role": "user", "content": CONTINUE}]


def test_a_partial_text_comes_last_where_the_provider_has_prefill() -> None:
    config = ProviderConfig(
        "local", prefill=True, prefill_body={"continue_final_message": True}, prefill_message={"prefix": True}
    )
    body = encode(request("m", partial="Once upon"), dialect_of(config))
    assert body["messages"][-1] == {"role": "assistant", "content": "Once upon", "prefix": True}
    assert body["continue_final_message"] is True


def test_a_partial_text_after_the_text_of_the_same_answer_is_one_message() -> None:
    assert messages(user("Hi"), assistant(said("a ")), partial="b")[1] == {"role": "assistant", "content": "a b"}


def test_a_partial_text_after_a_tools_result_is_a_message_of_its_own() -> None:
    sent = messages(user("Hi"), assistant(tool("output-available", output=1)), partial="b")
    assert [one["role"] for one in sent] == ["user", "assistant", "tool", "assistant", "user"]
