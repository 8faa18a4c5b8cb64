"""What each provider accepts as a request, in the rules of its documentation: a check for every dialect."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

_ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]+")
_GEMINI_KINDS = ("text", "functionCall", "functionResponse", "inlineData", "fileData")


def accepts(dialect: str, body: dict[str, Any]) -> None:
    """Fails where the provider would answer 400."""
    json.dumps(body)
    {
        "completions": completions,
        "responses": responses,
        "messages": messages,
        "gemini": gemini,
        "interactions": interactions,
    }[dialect](body)


def completions(body: dict[str, Any]) -> None:
    """Each call is followed at once by a message with its output, and no output is without its call."""
    waiting: list[str] = []
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            assert isinstance(message["content"], str)
            continue
        assert not waiting, "a call without its output"
        assert role in ("system", "user", "assistant")
        for call in message.get("tool_calls", ()):
            assert role == "assistant"
            assert call["type"] == "function"
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
            waiting.append(call["id"])
        assert message.get("content") or message.get("tool_calls")
    assert not waiting
    assert body["messages"][-1]["role"] in ("user", "tool")


def responses(body: dict[str, Any]) -> None:
    """Each call has one output, and reasoning is followed by what came of it."""
    items = body["input"]
    kinds = [item.get("type", "message") for item in items]
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    assert sorted(calls) == sorted(outputs)
    assert len(set(calls)) == len(calls)
    for call in calls:
        at = next(at for at, item in enumerate(items) if item.get("call_id") == call)
        assert items[at]["type"] == "function_call"
        assert isinstance(json.loads(items[at]["arguments"]), dict)
    for at, kind in enumerate(kinds):
        if kind == "reasoning":
            assert items[at]["encrypted_content"], "nothing is stored, so that it must be there"
            after = next(found for found in range(at, len(items)) if kinds[found] != "reasoning")
            assert kinds[after] == "function_call" or items[after].get("role") == "assistant"
    assert kinds[-1] == "function_call_output" or items[-1]["role"] == "user"


def messages(body: dict[str, Any]) -> None:
    """Users and assistants take turns, results stand first in the turn after their calls, and thinking is signed."""
    found = body["messages"]
    assert found[0]["role"] == found[-1]["role"] == "user"
    assert all(one["role"] != other["role"] for one, other in itertools.pairwise(found))
    waiting: list[str] = []
    for message in found:
        blocks = message["content"]
        kinds = [block["type"] for block in blocks]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert results == waiting
        assert kinds[: len(results)] == ["tool_result"] * len(results)
        assert kinds
        assert kinds[-1] not in ("thinking", "redacted_thinking")
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for block in blocks:
            if block["type"] == "text":
                assert block["text"].strip()
            elif block["type"] == "thinking":
                assert block["signature"]
            elif block["type"] == "tool_use":
                assert _ANTHROPIC_ID.fullmatch(block["id"])
                assert isinstance(block["input"], dict)
    assert not waiting


def gemini(body: dict[str, Any]) -> None:
    """Calls and their responses stand in turns that follow one another, and the first call of a turn is signed."""
    contents = body["contents"]
    assert contents[0]["role"] == contents[-1]["role"] == "user"
    for content in contents:
        assert content["role"] in ("user", "model")
        assert content["parts"]
        for part in content["parts"]:
            assert sum(kind in part for kind in _GEMINI_KINDS) == 1
        calls = [part for part in content["parts"] if "functionCall" in part]
        assert not calls or "thoughtSignature" in calls[0]
    for before, after in itertools.pairwise([*contents, {"role": "model", "parts": []}]):
        called = [part["functionCall"]["name"] for part in before["parts"] if "functionCall" in part]
        answered = [part["functionResponse"]["name"] for part in after["parts"] if "functionResponse" in part]
        assert called == answered


def interactions(body: dict[str, Any]) -> None:
    """Calls have their results right after them, thoughts their signatures, and a user or a tool has the last word."""
    steps = body["input"]
    assert steps[0]["type"] == "user_input"
    assert steps[-1]["type"] in ("user_input", "function_result")
    waiting: list[str] = []
    for step in steps:
        kind = step["type"]
        if kind == "function_result":
            assert step["call_id"] == waiting.pop(0)
            continue
        if kind == "function_call":
            assert isinstance(step["arguments"], dict)
            waiting.append(step["id"])
            continue
        assert not waiting, "a call without its result"
        assert kind != "thought" or step["signature"]
        assert kind == "thought" or step["content"]
    assert not waiting
