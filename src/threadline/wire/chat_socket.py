"""The frames of the AI SDK's WebSocket chat transport, both ways; pure.

The source is ``websocket-chat-transport.ts`` of the npm package ``ai`` 7. A chunk's ``sequence`` is its event's offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from threadline.domain.errors import BadRequest
from threadline.wire.ui_messages import ENCODERS, VERSIONS, UIMessages, Version

MAX_SEQUENCE: Final = 2**53 - 1


class Chunks:
    """What is the same of a chunk's frame for all clients of one major, a line for each."""

    def __init__(self, encoder: UIMessages) -> None:
        self._encoder = encoder

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """The frames' ends, for encoded events of which the first has the offset ``first``."""
        chunk = self._encoder.chunk
        ends = [b'"sequence":%d,"chunk":%b}' % (offset, chunk(one)) for offset, one in enumerate(messages, first)]
        return b"\n".join(ends)


CHUNKS: Final[dict[Version, Chunks]] = {version: Chunks(ENCODERS[version]) for version in VERSIONS}


def chunk_frames(request_id: str, parts: Sequence[bytes]) -> list[str]:
    """Whole frames for one request, from what :class:`Chunks` made."""
    head = f'{{"type":"chunk","requestId":{orjson.dumps(request_id).decode()},'
    return [head + end for part in parts for end in part.decode().split("\n")]


def frame(kind: str, request_id: str, **fields: Any) -> str:
    """Any other frame."""
    return orjson.dumps({"type": kind, "requestId": request_id, **fields}).decode()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a ``send`` or a ``resume`` asks for. ``fields`` are as in the body of ``POST /api/chat``; ``after`` is the
    last sequence that the client has, None where it did not say; header names are in lower case."""

    fields: dict[str, Any]
    headers: Mapping[str, str]
    after: int | None


def asked(sent: Mapping[str, Any]) -> Asked:
    """A client's frame, looked at. Raises ``BadRequest``."""
    headers, body = ({} if sent.get(name) is None else sent[name] for name in ("headers", "body"))
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise BadRequest("headers must be an object of texts.", surface="chat")
    if not isinstance(body, dict):
        raise BadRequest("body must be an object.", surface="chat")
    after = sent.get("lastSequence")
    if after is not None and (isinstance(after, bool) or not isinstance(after, int) or not -1 <= after <= MAX_SEQUENCE):
        raise BadRequest("lastSequence is the sequence of the last chunk that you have.", surface="chat")
    given = {name: sent[name] for name in ("id", "messages", "trigger", "messageId") if name in sent}
    return Asked({**body, **given}, {name.lower(): value for name, value in headers.items()}, after)
