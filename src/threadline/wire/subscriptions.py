"""Subscriptions to streams on the wire: how they are shown, how a wake is told, and what is reported back; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from threadline.domain.subscriptions import Link, Report, StreamState, refusal
from threadline.wire.durable import offset_of, offset_text

_MAX_OFFSET: Final = 256


def link(one: Link) -> dict[str, Any]:
    """A stream of a subscription, as it is shown to its owner."""
    return {"path": one.path, "link_type": _type(one.explicit), "acked_offset": offset_text(one.acked)}


def state(one: StreamState) -> dict[str, Any]:
    """A stream, as it is told to whoever is awake."""
    return {
        "path": one.path,
        "link_type": _type(one.explicit),
        "acked_offset": offset_text(one.acked),
        "tail_offset": offset_text(one.tail),
        "has_pending": one.pending,
    }


def wake(
    name: str,
    wake_id: str,
    generation: int,
    streams: Iterable[StreamState],
    *,
    owner: str,
    url: str,
    callback: str,
    token: str,
) -> bytes:
    """The body that a webhook is sent. ``owner`` and ``url`` tell whose it is and for whom, so that what one receiver
    was sent proves nothing to another."""
    return orjson.dumps(
        {
            "subscription_id": name,
            "owner": owner,
            "webhook_url": url,
            "wake_id": wake_id,
            "generation": generation,
            "streams": [state(one) for one in streams],
            "callback_url": callback,
            "callback_token": token,
        }
    )


def announcement(name: str, path: str, generation: int, at: float) -> bytes:
    """The message in a wake stream; ``at`` is Unix seconds."""
    told = {"type": "wake", "subscription_id": name, "stream": path, "generation": generation, "ts": int(at * 1000)}
    return orjson.dumps(told)


def is_done(body: bytes) -> bool:
    """Whether a webhook's answer says that all that it was told is done."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("done") is True


def report(body: Mapping[str, Any]) -> Report:
    """What whoever is awake says. Raises ``INVALID_REQUEST``, and ``INVALID_OFFSET`` for what is no offset of ours."""
    wake_id, generation, acks, done = (body.get(name) for name in ("wake_id", "generation", "acks", "done"))
    if not isinstance(wake_id, str) or isinstance(generation, bool) or not isinstance(generation, int):
        raise refusal("INVALID_REQUEST", "Send wake_id and generation, as they were told.")
    if done not in (None, True, False):
        raise refusal("INVALID_REQUEST", "done is true or false.")
    if acks is not None and not isinstance(acks, list):
        raise refusal("INVALID_REQUEST", "acks must be a list of streams and their offsets.")
    return Report(wake_id, generation, tuple(_ack(one) for one in acks or ()), done is True)


def instant(seconds: float) -> str:
    """A time as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ack(value: Any) -> tuple[str, int]:
    path = value.get("stream", value.get("path")) if isinstance(value, dict) else None
    offset = value.get("offset") if isinstance(value, dict) else None
    if not isinstance(path, str) or not isinstance(offset, str):
        raise refusal("INVALID_REQUEST", "An ack has a stream and an offset.")
    found = None if offset == "-1" or len(offset) > _MAX_OFFSET else offset_of(offset)
    if found is None:
        raise refusal("INVALID_OFFSET", "An ack's offset must be one that this server gave.")
    return path.strip("/"), found


def _type(explicit: bool) -> str:
    return "explicit" if explicit else "glob"
