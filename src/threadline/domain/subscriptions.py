"""What a subscription to streams is asked to be, which streams have something new for it, and how it refuses; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, Literal

from threadline.domain import globs
from threadline.domain.errors import BadRequest, Conflict, NotFound, ThreadlineError, Unauthorized
from threadline.domain.texts import names

Kind = Literal["webhook", "pull-wake"]

LEASE_MS: Final = (1_000, 600_000)
DEFAULT_LEASE_MS: Final = 30_000
MAX_NAME: Final = 256
MAX_PATH: Final = 1024
MAX_STREAMS: Final = 1000
"""How many streams one subscription has at the most, those that its pattern takes among them."""
MAX_SUBSCRIPTIONS: Final = 100
"""How many subscriptions a user has at the most."""
MAX_DESCRIPTION: Final = 4096

_CODE: Final = "subscription"
_KINDS: Final[Mapping[str, type[ThreadlineError]]] = {
    "INVALID_REQUEST": BadRequest,
    "WEBHOOK_URL_REJECTED": BadRequest,
    "SUBSCRIPTION_NOT_FOUND": NotFound,
    "SUBSCRIPTION_ALREADY_EXISTS": Conflict,
    "TOKEN_INVALID": Unauthorized,
    "FENCED": Conflict,
    "ALREADY_CLAIMED": Conflict,
    "NO_PENDING_WORK": Conflict,
    "INVALID_OFFSET": Conflict,
    "LIMIT_REACHED": Conflict,
}
"""The protocol's codes, one of our own for what there may be no more of, and which error of the tree each is."""


def refusal(code: str, message: str, **more: Any) -> ThreadlineError:
    """An error of the tree that carries one of the protocol's own codes; ``more`` is told beside it."""
    return _KINDS[code](message, surface="subscription", details={_CODE: code, **more})


def protocol_error(error: ThreadlineError) -> dict[str, Any] | None:
    """The protocol's shape of an error that :func:`refusal` made; None for every other."""
    details = dict(error.details or {})
    code = details.pop(_CODE, None)
    return None if code is None else {"error": {"code": code, "message": error.message, **details}}


def check_room(count: int) -> None:
    """Raise ``LIMIT_REACHED`` where a subscription would have so many streams, and that is too many."""
    if count > MAX_STREAMS:
        message = (
            f"A subscription has at most {MAX_STREAMS} streams, those that its pattern takes among them. "
            "Narrow the pattern, or make several subscriptions."
        )
        raise refusal("LIMIT_REACHED", message)


def gone() -> ThreadlineError:
    """There is no such subscription, or it is another's."""
    return refusal("SUBSCRIPTION_NOT_FOUND", "There is no such subscription.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription is to be. ``url`` is a webhook's, ``wake_stream`` a pull-wake's."""

    kind: Kind
    pattern: str | None
    streams: tuple[str, ...]
    url: str | None
    wake_stream: str | None
    lease_ms: int = DEFAULT_LEASE_MS
    description: str | None = None

    @property
    def digest(self) -> bytes:
        """Tells whether two are the same."""
        fields = [self.kind, self.pattern, sorted(self.streams), self.url, self.wake_stream]
        return sha256(json.dumps([*fields, self.lease_ms, self.description]).encode()).digest()


@dataclass(frozen=True, slots=True)
class Tail:
    """How far a stream has come; ``born`` tells it from one that was made anew under its path."""

    offset: int
    born: float


@dataclass(frozen=True, slots=True)
class Link:
    """A stream of a subscription. ``acked``: the offset before which all is done; ``snapshot``: the tail that the
    present wake told, where that was something new; ``born`` None: there was no such stream when it was linked."""

    path: str
    explicit: bool
    glob: bool
    acked: int
    snapshot: int | None
    born: float | None


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream of a subscription as it is told to its owner."""

    path: str
    explicit: bool
    acked: int
    tail: int

    @property
    def pending(self) -> bool:
        """Whether there is something new."""
        return self.tail > self.acked


@dataclass(frozen=True, slots=True)
class Report:
    """What whoever is awake says: ``acks`` are streams and the offsets before which all is done; ``done`` ends the
    wake."""

    wake_id: str
    generation: int
    acks: tuple[tuple[str, int], ...] = ()
    done: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in the log of some streams: ``matching`` are those that a pattern takes, ``tails`` others that
    were asked for (None: there is no such stream), and ``born`` what the links told of them before that."""

    matching: Mapping[str, Tail]
    tails: Mapping[str, Tail | None]
    born: Mapping[str, float | None] = field(default_factory=dict)

    def of(self, path: str) -> Tail | None:
        """How far a stream has come, where it is known to be there."""
        return self.matching.get(path) or self.tails.get(path)


def takes(pattern: str | None, wake_stream: str | None, path: str) -> bool:
    """Whether a path is one of a pattern's. The stream that is woken by is not: it would wake itself."""
    return pattern is not None and path != wake_stream and globs.matches(pattern, path)


def seen(
    pattern: str | None, wake_stream: str | None, tails: Mapping[str, Tail | None], links: Sequence[Link]
) -> Looked:
    """What a look at some streams is for a subscription; ``links`` are those that it had to them before the look."""
    matching = {path: tail for path, tail in tails.items() if tail is not None and takes(pattern, wake_stream, path)}
    others = {link.path: tails[link.path] for link in links if link.path in tails and link.path not in matching}
    return Looked(matching, others, {link.path: link.born for link in links})


def linked(links: Sequence[Link], looked: Looked) -> list[Link]:
    """The links as they should be. What was not looked at, or has changed since before the look, is left alone.

    A stream that came since is linked from its start on. One that is gone leaves, unless it was named before it was
    ever made; one that was made anew begins anew. When a stream was made tells only whether it is another: a clock
    may step back.
    """
    found: list[Link] = []
    for link in links:
        tail, glob = looked.of(link.path), link.path in looked.matching
        unseen = link.path not in looked.born or looked.born[link.path] != link.born
        if tail is None:
            unseen = unseen or link.path not in looked.tails
            if unseen or (link.explicit and link.born is None):
                found.append(link)
        elif link.born in (None, tail.born):
            found.append(replace(link, glob=glob or link.glob, born=tail.born))
        elif unseen:
            found.append(link)
        else:
            found.append(Link(link.path, link.explicit, glob, 0, None, tail.born))
    known = {link.path for link in links}
    found += [
        Link(path, False, True, 0, None, tail.born) for path, tail in looked.matching.items() if path not in known
    ]
    return found


def states(links: Sequence[Link], looked: Looked) -> list[StreamState]:
    """What is told of links, in the order of their paths."""
    out = []
    for link in sorted(links, key=lambda link: link.path):
        tail = looked.of(link.path)
        out.append(StreamState(link.path, link.explicit, link.acked, link.acked if tail is None else tail.offset))
    return out


def acknowledged(links: Sequence[Link], looked: Looked, acks: Sequence[tuple[str, int]]) -> list[Link]:
    """The links after acks, all of them or none. Raises ``INVALID_OFFSET``."""
    found = {link.path: link for link in links}
    for path, offset in acks:
        link = found.get(path)
        if link is None:
            raise refusal("INVALID_OFFSET", "An ack names a stream that is none of the subscription's.")
        if offset < link.acked:
            raise refusal("INVALID_OFFSET", "An ack goes behind an offset that is acknowledged already.")
        tail = looked.of(path)
        if offset > max(link.snapshot or 0, 0 if tail is None else tail.offset):
            raise refusal("INVALID_OFFSET", "An ack goes beyond the end of its stream.")
        found[path] = replace(link, acked=offset)
    return list(found.values())


def wanted(body: Mapping[str, Any]) -> Wanted:
    """What a body asks for; its webhook's address is not looked at yet. Raises ``INVALID_REQUEST``."""
    kind = body.get("type")
    if kind not in ("webhook", "pull-wake"):
        raise refusal("INVALID_REQUEST", "type must be webhook or pull-wake.")
    pattern = pattern_of(body.get("pattern"))
    streams = paths_of(body.get("streams") or [])
    if pattern is None and not streams:
        raise refusal("INVALID_REQUEST", "A subscription needs a pattern or streams.")
    url = wake_stream = None
    if kind == "webhook":
        hook = body.get("webhook")
        url = hook.get("url") if isinstance(hook, Mapping) else None
        if not isinstance(url, str) or not url:
            raise refusal("INVALID_REQUEST", "A webhook subscription needs webhook.url.")
    else:
        if not isinstance(body.get("wake_stream"), str):
            raise refusal("INVALID_REQUEST", "A pull-wake subscription needs wake_stream, the path of a stream.")
        wake_stream = path_of(body["wake_stream"])
        if wake_stream in streams:
            raise refusal("INVALID_REQUEST", "wake_stream cannot be one of the streams: it would wake itself.")
    return Wanted(kind, pattern, streams, url, wake_stream, _lease(body), _description(body))


def paths_of(value: Any) -> tuple[str, ...]:
    """Paths of streams, each once. Raises ``INVALID_REQUEST``."""
    if not isinstance(value, list) or len(value) > MAX_STREAMS:
        raise refusal("INVALID_REQUEST", f"streams must be a list of up to {MAX_STREAMS} paths.")
    return tuple(dict.fromkeys(path_of(one) for one in value))


def path_of(value: Any) -> str:
    """A stream's path without slashes around it. Raises ``INVALID_REQUEST``."""
    path = value.strip("/") if isinstance(value, str) else ""
    if not names(path) or len(path) > MAX_PATH:
        words = f"A stream's path has between 1 and {MAX_PATH} characters, and no control characters."
        raise refusal("INVALID_REQUEST", words)
    segments = path.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise refusal("INVALID_REQUEST", "A stream's path has no empty segment, and none that is . or ..")
    _check_open(path)
    return path


def pattern_of(value: Any) -> str | None:
    """A pattern without slashes around it; None where none is given. Raises ``INVALID_REQUEST``."""
    if value is None or value == "":
        return None
    pattern = value.strip("/") if isinstance(value, str) else ""
    if not names(pattern) or len(pattern) > MAX_PATH:
        words = f"pattern must be a text of up to {MAX_PATH} characters, and no control characters."
        raise refusal("INVALID_REQUEST", words)
    _check_open(pattern)
    return pattern


def name_of(value: str) -> str:
    """A subscription's name. Raises ``INVALID_REQUEST``."""
    if not value or len(value) > MAX_NAME or not value.isprintable():
        raise refusal("INVALID_REQUEST", f"A subscription's name has between 1 and {MAX_NAME} printable characters.")
    return value


def _check_open(path: str) -> None:
    first = path.partition("/")[0]
    if first in ("runs", "__ds"):
        raise refusal("INVALID_REQUEST", f"The streams below {first}/ cannot be subscribed to.")


def _lease(body: Mapping[str, Any]) -> int:
    value = body.get("lease_ttl_ms", DEFAULT_LEASE_MS)
    if isinstance(value, bool) or not isinstance(value, int) or not LEASE_MS[0] <= value <= LEASE_MS[1]:
        raise refusal("INVALID_REQUEST", f"lease_ttl_ms must be a whole number from {LEASE_MS[0]} to {LEASE_MS[1]}.")
    return value


def _description(body: Mapping[str, Any]) -> str | None:
    value = body.get("description")
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION or not _encodable(value):
        raise refusal("INVALID_REQUEST", f"description must be a text of up to {MAX_DESCRIPTION} characters.")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
