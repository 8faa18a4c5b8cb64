"""What a request says to Gemini."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from tests.providers.asking import TOOL, assistant, request, said, user
from threadline.domain.catalog import ProviderConfig
from threadline.domain.messages import Message, Part
from threadline.providers.gemini import Dialect, dialect_of, encode
from threadline.providers.gemini.schemas import taken
from threadline.providers.history import CONTINUE, NO_RESULT
from threadline.providers.protocol import ModelSettings

FLASH = "gemini-3-flash-preview"
NEWEST = "gemini-4-carbon"
OLDER = "gemini-2.5-flash"
PNG = base64.b64encode(b"\x89PNG").decode()
SIGNED = {"google": {"thoughtSignature": "s1"}}
STEP: Part = {"type": "step-start"}
UNSIGNED = "skip_thought_signature_validator"


def contents(*history: Message, model: str = FLASH, dialect: Dialect = Dialect(), **more: Any) -> list[Any]:
    found: list[Any] = encode(request(model, messages=list(history), **more), dialect)["contents"]
    return found


def config(model: str = FLASH, settings: ModelSettings = ModelSettings(None, None), **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = encode(request(model, settings=settings, **more)).get("generationConfig", {})
    return found


def tool(state: str = "output-available", call: str = "c1", **more: Any) -> Part:
    return {"type": "tool-weather", "toolCallId": call, "state": state, "input": {"city": "Oslo"}, **more}


def file(kind: str, url: str, **more: Any) -> Message:
    return Message("u0", "user", [{"type": "file", "mediaType": kind, "url": url, **more}])


def seen(kind: str, url: str, model: str = FLASH, **more: Any) -> Any:
    [content] = contents(file(kind, url, **more), model=model)
    [part] = content["parts"]
    return part


def test_the_system_prompt_stands_apart_and_the_settings_go_along() -> None:
    chosen = ModelSettings(7, 0.1, "Be brief.", "low", sampling={"top_p": 0.5, "seed": 3, "stop": "."})
    history = [Message("s", "system", [said("Speak Danish.")]), user("Hello")]
    body = encode(request(FLASH, messages=history, settings=chosen))
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Speak Danish."}]},
        "generationConfig": {
            "maxOutputTokens": 7,
            "temperature": 0.1,
            "topP": 0.5,
            "seed": 3,
            "stopSequences": ["."],
            "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
        },
    }


def test_what_is_left_to_the_provider_is_not_sent() -> None:
    assert encode(request("own-model", settings=ModelSettings(None, None))).keys() == {"contents"}


def test_a_model_that_knows_no_instructions_is_told_them_by_the_user() -> None:
    body = encode(request("gemma-3-27b-it", settings=ModelSettings(system="Be brief.")))
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Be brief."}, {"text": "Hello"}]}]
    assert "systemInstruction" not in body


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gemini-2.0-flash", {"temperature", "topP", "presencePenalty", "seed"}),
        (OLDER, {"temperature", "topP", "seed"}),
        ("gemini-3.1-pro-preview", {"temperature", "topP", "seed"}),
        ("gemini-3.5-flash", {"temperature", "topP", "seed"}),
        ("gemini-3.5-flash-lite", {"seed"}),
        ("gemini-3.6-flash", {"seed"}),
        (NEWEST, {"seed"}),
        ("gemini-flash-latest", {"seed"}),
        ("own-model", {"temperature", "topP", "presencePenalty", "seed"}),
    ],
)
def test_a_model_is_not_told_what_it_refuses(model: str, sent: set[str]) -> None:
    chosen = ModelSettings(None, 0.5, sampling={"top_p": 0.5, "presence_penalty": 1, "seed": 3, "logit_bias": {}})
    assert config(model, chosen).keys() - {"thinkingConfig"} == sent


@pytest.mark.parametrize(
    ("model", "effort", "told"),
    [
        (FLASH, None, {"includeThoughts": True}),
        (FLASH, "none", {"thinkingLevel": "MINIMAL"}),
        (FLASH, "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        (FLASH, "xhigh", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (NEWEST, "none", {"thinkingLevel": "LOW"}),
        (NEWEST, "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3-pro-preview", "medium", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3.1-pro-preview", "medium", {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        (OLDER, "none", {"thinkingBudget": 0}),
        (OLDER, "medium", {"includeThoughts": True, "thinkingBudget": 8192}),
        ("gemini-2.5-flash-lite", "minimal", {"includeThoughts": True, "thinkingBudget": 512}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash-image", "high", None),
        ("gemini-3-pro-image", "high", None),
        ("gemini-2.0-flash", "high", None),
        ("gemma-3-27b-it", "high", None),
        ("own-model", "high", None),
    ],
)
def test_an_effort_is_told_in_the_words_of_the_model(model: str, effort: str | None, told: Any) -> None:
    assert config(model, ModelSettings(None, None, reasoning_effort=effort)).get("thinkingConfig") == told


def test_half_of_the_limit_is_for_the_answer() -> None:
    chosen = ModelSettings(4000, None, reasoning_effort="high")
    assert config(OLDER, chosen)["thinkingConfig"] == {"includeThoughts": True, "thinkingBudget": 2000}


@pytest.mark.parametrize(
    ("choice", "strict", "told"),
    [
        (None, None, None),
        ("auto", None, {"mode": "AUTO"}),
        ("auto", True, {"mode": "VALIDATED"}),
        (None, True, {"mode": "VALIDATED"}),
        ("none", True, {"mode": "NONE"}),
        ("required", None, {"mode": "ANY"}),
        ({"name": "weather"}, None, {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_how_tools_are_to_be_used_goes_along(choice: Any, strict: bool | None, told: Any) -> None:
    chosen = ModelSettings(None, None, tool_choice=choice, parallel_tool_calls=False)
    body = encode(request(FLASH, settings=chosen, tools=[replace(TOOL, strict=strict)]))
    assert body.get("toolConfig") == (told and {"functionCallingConfig": told})
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": TOOL.description, "parametersJsonSchema": TOOL.parameters}
            ]
        }
    ]


def test_a_schema_is_told_in_the_part_that_the_provider_knows() -> None:
    inner = {"type": "string", "format": "date", "description": "A day."}
    schema = {
        "$schema": "x",
        "title": "T",
        "type": "object",
        "properties": {"const": {"const": 5}, "day": inner, "n": {"type": "integer", "exclusiveMinimum": 0}},
        "$defs": {"title": {"anyOf": [{"title": "A", "type": "null"}, True]}},
        "additionalProperties": False,
    }
    assert taken(schema) == {
        "type": "object",
        "properties": {
            "const": {"enum": [5], "type": "integer"},
            "day": {"type": "string", "description": "A day. (format: date)"},
            "n": {"type": "integer", "description": "(exclusiveMinimum: 0)"},
        },
        "$defs": {"title": {"anyOf": [{"type": "null"}, True]}},
        "additionalProperties": False,
    }


def test_a_schema_of_several_is_told_as_one() -> None:
    one = {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}]}}, "required": ["a"]}
    other = {"properties": {"b": {"type": "null"}}, "required": ["a", "b"], "minProperties": 1}
    told = {
        "type": "object",
        "description": "(minProperties: 1)",
        "properties": {"a": {"anyOf": [{"type": "string"}]}, "b": {"type": "null"}},
        "required": ["a", "b"],
    }
    assert taken({"allOf": [one, other]}) == told
    assert taken({**one, "allOf": [other, True]}) == told


def test_the_form_of_an_answer_goes_along_where_it_can_be_kept() -> None:
    shape = {"type": "json_schema", "name": "place", "description": "A place.", "schema": {"type": "object"}}
    chosen = ModelSettings(None, None, response_format=shape)
    told = {"responseMimeType": "application/json", "responseJsonSchema": {"description": "A place.", "type": "object"}}
    assert config("own-model", chosen) == told
    assert told.items() <= config(FLASH, chosen, tools=[TOOL]).items()
    assert "responseMimeType" not in config(OLDER, chosen, tools=[TOOL])
    assert "responseMimeType" not in config(FLASH, chosen, partial='{"a')
    anything = ModelSettings(None, None, response_format={"type": "json_object"})
    assert config("own-model", anything) == {"responseMimeType": "application/json"}


def test_a_call_and_its_result_are_one_step() -> None:
    first = {**tool(output={"error": "not one"}), "callProviderMetadata": SIGNED}
    found = contents(
        user("Hi"),
        assistant(STEP, said("Let me see."), first, tool("output-error", "c2", errorText="No."), STEP, said("Rain.")),
        user("And now?"),
    )
    assert [content["role"] for content in found] == ["user", "model", "user", "model", "user"]
    call = {"name": "weather", "args": {"city": "Oslo"}}
    assert found[1]["parts"] == [
        {"text": "Let me see."},
        {"functionCall": {"id": "c1", **call}, "thoughtSignature": "s1"},
        {"functionCall": {"id": "c2", **call}},
    ]
    assert found[2]["parts"] == [
        {"functionResponse": {"id": "c1", "name": "weather", "response": {"output": {"error": "not one"}}}},
        {"functionResponse": {"id": "c2", "name": "weather", "response": {"error": "No."}}},
    ]


@pytest.mark.parametrize(
    ("part", "response"),
    [
        (tool(output=None), {"output": None}),
        (tool(output="Rain."), {"output": "Rain."}),
        (tool(output=[{"a": {"$ref": "#/b"}}]), {"output": '[{"a":{"$ref":"#/b"}}]'}),
        (tool("input-available"), {"error": NO_RESULT}),
        (tool("output-denied"), {"error": "The user did not allow this call."}),
    ],
)
def test_every_call_has_a_result(part: Part, response: Any) -> None:
    assert contents(user("Hi"), assistant(part))[2]["parts"][0]["functionResponse"]["response"] == response


@pytest.mark.parametrize("model", [OLDER, FLASH, NEWEST, "gemini-3-pro-image"])
def test_a_call_of_another_model_goes_along_without_its_proof(model: str) -> None:
    foreign = {**tool(), "callProviderMetadata": {"anthropic": {"signature": "x"}, "other": SIGNED["google"]}}
    found = contents(user("Hi"), assistant(STEP, foreign, tool(call="c2"), STEP, tool(call="c3")), model=model)
    signed = [part.get("thoughtSignature") for content in found for part in content["parts"] if "functionCall" in part]
    assert signed == [UNSIGNED, None, UNSIGNED]


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemma-3-27b-it", "own-model"])
def test_a_model_that_signs_nothing_is_sent_no_signature(model: str) -> None:
    part = {**tool(), "callProviderMetadata": SIGNED}
    thought = {"type": "reasoning", "text": "Hm.", "providerMetadata": SIGNED}
    found = contents(user("Hi"), assistant(thought, {**said("Yes."), "providerMetadata": SIGNED}, part), model=model)
    assert "thoughtSignature" not in str(found)
    assert "Hm." not in str(found)


def test_signatures_go_back_to_where_they_came_from_and_nowhere_else() -> None:
    thought = {"type": "reasoning", "text": "Hm.", "state": "done", "providerMetadata": SIGNED}
    cut = {**thought, "text": "Cu", "providerMetadata": {**SIGNED, "threadline": {"interrupted": True}}}
    open_ = {**thought, "text": "Op", "state": "streaming"}
    text = {**said("Yes."), "providerMetadata": SIGNED}
    picture = {
        "type": "file",
        "mediaType": "image/png",
        "url": f"data:image/png;base64,{PNG}",
        "providerMetadata": SIGNED,
    }
    blank = {**said(""), "providerMetadata": SIGNED}
    parts = [STEP, thought, cut, open_, {"type": "reasoning", "text": "Free."}, said(""), text, picture, blank]
    signed = {"thoughtSignature": "s1"}
    [_, given, _] = contents(user("Hi"), assistant(*parts), user("And?"))
    assert given["parts"] == [
        {"text": "Hm.", "thought": True, **signed},
        {"text": "Yes.", **signed},
        {"inlineData": {"mimeType": "image/png", "data": PNG}, **signed},
        {"text": "", **signed},
    ]
    [_, given, _] = contents(user("Hi"), assistant(*parts), user("And?"), dialect=Dialect(family="own"))
    assert given["parts"] == [{"text": "Yes."}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]


def test_text_after_a_call_without_a_step_between_comes_after_its_result() -> None:
    found = contents(user("Hi"), assistant(tool(output=1), said("Rain."), tool(call="c2", output=2)), user("And?"))
    kinds = [[next(iter(part)) for part in content["parts"]] for content in found]
    assert kinds == [
        ["text"],
        ["functionCall"],
        ["functionResponse"],
        ["text", "functionCall"],
        ["functionResponse"],
        ["text"],
    ]


def test_what_the_provider_ran_itself_is_not_sent() -> None:
    part = {"type": "tool-google_search", "toolCallId": "g", "state": "output-available", "providerExecuted": True}
    assert contents(user("Hi"), assistant(part, said("Yes.")), user("And?"))[1]["parts"] == [{"text": "Yes."}]


def test_messages_of_one_role_are_one_and_the_user_has_the_first_and_the_last_word() -> None:
    found = contents(assistant(said("Hello.")), user("a"), user("b", 1), user(""), assistant(said("c")))
    assert [content["role"] for content in found] == ["user", "model", "user", "model", "user"]
    assert found[2]["parts"] == [{"text": "a"}, {"text": "b"}]
    assert contents(user("")) == [{"role": "user", "parts": [{"text": "Please go on."}]}]


def test_the_name_of_a_tool_is_one_that_the_provider_takes() -> None:
    for name, sent in (
        ("9 lives/é", "_9_lives__"),
        ("ns.tool:a-b", "ns.tool:a-b"),
        ("x" * 200, "x" * 128),
        ("", "unknown"),
    ):
        part = {**tool(), "type": "dynamic-tool", "toolName": name}
        found = contents(user("Hi"), assistant(part))
        assert found[1]["parts"][0]["functionCall"]["name"] == sent
        assert found[2]["parts"][0]["functionResponse"]["name"] == sent


def test_broken_arguments_are_told_as_an_object() -> None:
    found = contents(user("Hi"), assistant({**tool("output-error", errorText="Broken."), "input": '{"a'}))
    assert found[1]["parts"][0]["functionCall"]["args"] == {"unparsed_arguments": '{"a'}


def test_files_go_along_as_far_as_the_model_can_see_them() -> None:
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    assert seen("image/png", f"data:image/png;base64,{PNG}") == inline
    assert seen("image/jpg", f"data:;base64,{PNG}")["inlineData"]["mimeType"] == "image/jpeg"
    assert seen("application/pdf", "data:,%25PDF")["inlineData"]["data"] == base64.b64encode(b"%PDF").decode()
    assert seen("text/csv; charset=utf-8", "data:,a%2Cb", filename="t.csv") == {"text": "t.csv:\n\na,b"}
    remote = "https://a.example/a.png"
    assert seen("image/png", remote) == {"fileData": {"mimeType": "image/png", "fileUri": remote}}
    for part in (
        seen("image/png", remote, "gemini-2.0-flash"),
        seen("image/gif", f"data:image/gif;base64,{PNG}"),
        seen("image/png", "http://a.example/a.png"),
        seen("image/png", "data:image/png;base64,!"),
        seen("application/zip", "https://a.example/a.zip", filename="a.zip"),
    ):
        assert "which you cannot see" in part["text"]


def test_a_cut_answer_is_gone_on_with_by_instruction() -> None:
    found = contents(user("Hi"), assistant(STEP, said("Half ")), partial="a wo")
    assert found[1:] == [
        {"role": "model", "parts": [{"text": "Half a wo"}]},
        {"role": "user", "parts": [{"text": CONTINUE}]},
    ]
    signed = {**said("Half "), "providerMetadata": SIGNED}
    found = contents(user("Hi"), assistant(STEP, signed), partial="a wo")
    assert found[1]["parts"] == [{"text": "Half ", "thoughtSignature": "s1"}, {"text": "a wo"}]


def test_a_cut_answer_is_its_own_beginning_only_for_a_model_that_takes_it() -> None:
    dialect = dialect_of(ProviderConfig("google", "google", prefill=True))
    assert (dialect.continues, Dialect().continues) == ("prefill", "instruction")
    assert contents(user("Hi"), partial="a wo", model=OLDER, dialect=dialect)[-1]["role"] == "model"
    assert contents(user("Hi"), partial="a wo", model=NEWEST, dialect=dialect)[-1]["parts"] == [{"text": CONTINUE}]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (FLASH, f"/models/{FLASH}"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("models/../files", "/models/models%2F..%2Ffiles"),
        ("a?b#c", "/models/a%3Fb%23c"),
    ],
)
def test_the_model_stands_in_the_path_and_nothing_else_can(model: str, path: str) -> None:
    assert Dialect().path(request(model)) == f"{path}:streamGenerateContent?alt=sse"


def test_who_signs_is_known_by_kind_or_by_name() -> None:
    assert dialect_of(ProviderConfig("g", "google")).family == "google"
    assert dialect_of(ProviderConfig("own", dialect="gemini")).family == "own"
