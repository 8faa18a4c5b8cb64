"""What the loop's half of an engine asks of the writing half, and what this tells the readers after a commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threadline.log.protocol import Appended, Batch, Created, Producer, StreamConfig


@dataclass(slots=True)
class Append:
    """See ``Log.append``; ``now`` is Unix seconds, as in every command; ``size`` is that of the messages in bytes."""

    name: str
    messages: Sequence[bytes]
    size: int
    now: float
    producer: Producer | None = None
    order: str | None = None
    close: bool = False
    create: StreamConfig | None = None
    content_type: str | None = None


@dataclass(slots=True)
class Create:
    """See ``Log.create``."""

    name: str
    config: StreamConfig
    messages: Sequence[bytes]
    size: int
    close: bool
    now: float


@dataclass(slots=True)
class Trim:
    """See ``Log.trim``."""

    name: str
    before: int
    now: float


@dataclass(slots=True)
class Delete:
    """See ``Log.delete``."""

    name: str
    now: float


@dataclass(slots=True)
class Touch:
    """A stream with a TTL was read; nobody waits for this."""

    name: str
    now: float


@dataclass(slots=True)
class Expire:
    """See ``Log.expire``; at most ``limit`` streams go at once."""

    now: float
    limit: int


Command = Append | Create | Trim | Delete | Touch | Expire
Outcome = Appended | Created | int | None


@dataclass(frozen=True, slots=True)
class Published:
    """A batch was committed."""

    name: str
    batch: Batch


@dataclass(frozen=True, slots=True)
class Made:
    """A stream is there now."""

    name: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A stream is not there any more, or is not to be waited for."""

    name: str


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Messages below ``first`` may not be read any more."""

    name: str
    first: int


Effect = Published | Made | Ended | Trimmed
