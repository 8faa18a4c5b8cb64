"""What every dialect makes of a conversation's history: the words for what is missing, results, arguments and files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from threadline.domain.messages import Message, Part, is_tool, text_of

NO_RESULT: Final = "The call was interrupted: it has no result, and whether it took effect is not known."
DENIED: Final = "The user did not allow this call."
CONTINUE: Final = (
    "Your last message was cut off by a technical fault. Go on with it exactly after the last character that you "
    "wrote, in the middle of the word or the code block where it stands, with the space or line break first where one "
    "is due. Do not repeat any of it, do not begin again, and write nothing before or about the continuation."
)
"""What a model without prefill is told after its own cut text."""
BEGUN: Final = "(What was said before is left out here.)"
"""What a user says first where a history begins with an answer, for providers that refuse that."""
ANSWER: Final = "Please go on."
"""What a user says last where a history ends with an answer, which some providers go on with, or refuse."""

Piece = dict[str, Any]
"""Any dialect's block, part or item."""


def system_of(messages: Sequence[Message]) -> list[str]:
    """What messages of the system say, for providers that have one place for it, before all messages."""
    return [text for message in messages if message.role == "system" and (text := text_of(message.parts)).strip()]


def rounds(
    parts: Sequence[Part], said: Callable[[Part], Piece | None], called: Callable[[Part, bool], tuple[Piece, Piece]]
) -> Iterator[tuple[list[Piece], list[Piece]]]:
    """What each call of the model gave, in its order, and the results of the tools that it called then.

    ``said`` makes a piece of a part that is no call, or leaves it out; ``called`` makes one of a call and one of its
    result, and is told whether the call is the first of its round. What the provider ran itself is left out.
    """
    pieces: list[Piece] = []
    results: list[Piece] = []
    for part in parts:
        if part["type"] == "step-start":
            yield pieces, results
            pieces, results = [], []
        elif is_tool(part):
            if not part.get("providerExecuted"):
                call, result = called(part, not results)
                pieces.append(call)
                results.append(result)
        elif (piece := said(part)) is not None:
            if results:
                yield pieces, results
                pieces, results = [], []
            pieces.append(piece)
    yield pieces, results


def was_cut(part: Part, place: str = "providerMetadata") -> bool:
    """Whether a part broke off, so that nothing that a provider signed of it can be true of it."""
    about = (part.get(place) or {}).get("threadline") or {}
    return part.get("state") == "streaming" or "interrupted" in about


def joined(blocks: list[Piece]) -> str | list[Piece]:
    """Plain text where blocks are only text, since not every server takes blocks."""
    if all(block.keys() == {"type", "text"} for block in blocks):
        return "\n\n".join(block["text"] for block in blocks)
    return blocks


def unseen(name: str, url: str, media_type: str) -> str:
    """What a model is told of a file that it cannot be given."""
    where = "" if url.startswith("data:") else f" at {url}"
    return f"(There is a file {name}{where} of the type {media_type or 'unknown'}, which you cannot see.)"


def arguments_of(part: Part) -> dict[str, Any]:
    """The arguments of a call, always an object: what was cut or broken is told as it was, inside of valid JSON, since
    servers parse this."""
    arguments = part.get("input")
    if isinstance(arguments, dict):
        return arguments
    return {"unparsed_arguments": arguments} if arguments else {}


def result_of(part: Part) -> str:
    """What a call came to, in words or as JSON; every call in a history has a result."""
    state = part.get("state")
    if state == "output-available":
        output = part.get("output")
        return output if isinstance(output, str) else orjson.dumps(output).decode()
    if state == "output-error":
        return str(part.get("errorText") or NO_RESULT)
    if state == "output-denied":
        reason = (part.get("approval") or {}).get("reason")
        return f"{DENIED} {reason}" if reason else DENIED
    return NO_RESULT


def data_of(url: str) -> bytes | None:
    """The bytes in a ``data:`` address; None where it is none, or is broken."""
    if not url.startswith("data:"):
        return None
    head, comma, body = url.partition(",")
    if not comma:
        return None
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        return None


def is_text(media_type: str) -> bool:
    """Whether a file of this type can be told to a model as words."""
    return media_type.startswith("text/") or media_type.startswith("application/json")


def as_text(name: str, data: bytes) -> str:
    """A file of words, as a part of what the user says."""
    return f"{name}:\n\n{data.decode('utf-8', 'replace')}"
