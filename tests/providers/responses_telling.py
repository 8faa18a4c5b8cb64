"""Short ways to tell an answer of the Responses API, event by event."""

from __future__ import annotations

from typing import Any

from tests.fakes.responses import frame


def tell(*events: dict[str, Any]) -> list[bytes]:
    """Frames, numbered."""
    return [frame({**event, "sequence_number": number}) for number, event in enumerate(events)]


def added(index: int, kind: str, **more: Any) -> dict[str, Any]:
    item = {"type": kind, "id": f"{kind}_{index}", **more}
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def ended(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {**added(index, kind, **more), "type": "response.output_item.done"}


def text(index: int, delta: Any, part: int = 0) -> dict[str, Any]:
    place = {"output_index": index, "content_index": part, "item_id": "?"}
    return {"type": "response.output_text.delta", "delta": delta, **place}


def summary(index: int, delta: str, part: int = 0) -> dict[str, Any]:
    place = {"output_index": index, "summary_index": part}
    return {"type": "response.reasoning_summary_text.delta", "delta": delta, **place}


def arguments(index: int, delta: str) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta}


def said(*texts: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "output_text", "text": one, "annotations": []} for one in texts], **more}


def end(status: str = "completed", why: str | None = None, **more: Any) -> dict[str, Any]:
    about = {"incomplete_details": {"reason": why}} if why else {}
    return {"type": f"response.{status}", "response": {"id": "resp_1", "status": status, "output": [], **about, **more}}


def call(index: int, name: str = "look") -> dict[str, Any]:
    return added(index, "function_call", call_id=f"c{index}", name=name, arguments="")


END = end()
