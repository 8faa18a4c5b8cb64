"""What every dialect makes of a conversation's history: the words for what is missing, results, arguments and files."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from threadline.domain.messages import Part

NO_RESULT: Final = "The call was interrupted: it has no result, and whether it took effect is not known."
DENIED: Final = "The user did not allow this call."
CONTINUE: Final = (
    "Your last message was cut off by a technical fault. Go on with it exactly after the last character that you "
    "wrote, in the middle of the word or the code block where it stands, with the space or line break first where one "
    "is due. Do not repeat any of it, do not begin again, and write nothing before or about the continuation."
)
"""What a model without prefill is told after its own cut text."""


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
