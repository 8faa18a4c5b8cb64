"""Streams that programs write and read by name: a user's own, and the runs that he may read, which only we write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from threadline.domain.chunks import MAX_CHUNK_BYTES
from threadline.domain.errors import BadRequest, Conflict, NotAllowed, NotFound, TooLarge
from threadline.domain.texts import names
from threadline.log.protocol import JSON, Appended, Created, Log, Producer, Reading, Steps, StreamConfig, StreamInfo
from threadline.log.rules import media_type
from threadline.log.shares import Share
from threadline.services.answers import Answers
from threadline.services.recordings import Recordings
from threadline.store.runs import RunRow

RUNS: Final = "runs/"
"""Paths below this are runs: anybody reads those that he may, and what is no recording is written by workers alone."""

MAX_PATH: Final = 1024
"""How many characters a stream's path may have."""

Appending = Callable[[str, str], None]
"""Told after a commit, also of what makes or deletes a stream: whose it was, and its path."""


class Streams:
    """The streams of users by their paths. What the log promises, these promise, and raise what it raises.

    A path that is another user's, or nobody's, raises ``NotFound``; writing below ``runs/`` raises ``NotAllowed``, but
    for the recordings that he has opened.
    """

    def __init__(self, log: Log, answers: Answers, appended: Appending, recordings: Recordings | None = None) -> None:
        self._log = log
        self._answers = answers
        self._recordings = recordings
        self._appended = appended

    async def create(
        self, owner: str, path: str, config: StreamConfig, messages: Sequence[bytes] = (), *, close: bool = False
    ) -> Created:
        """See ``Log.create``; ``config.fork.source`` is a path."""
        name = _own(owner, path)
        if config.fork is not None:
            config = replace(config, fork=replace(config.fork, source=_own(owner, config.fork.source)))
        made = await self._log.create(name, config, messages=messages, close=close)
        if made.new:
            self._appended(owner, path)
        return made

    async def append(
        self,
        owner: str,
        path: str,
        messages: Sequence[bytes],
        *,
        producer: Producer | None = None,
        order: str | None = None,
        close: bool = False,
        content_type: str | None = None,
    ) -> Appended:
        """See ``Log.append``; of a recording, see ``Recordings.append``."""
        if path.startswith(RUNS) and self._recordings is not None:
            if order is not None:
                raise BadRequest("A recording is in its producer's order; leave Stream-Seq out.", surface="stream")
            if content_type is not None and media_type(content_type) != JSON:
                raise Conflict(f"This stream is of type {JSON}.", surface="stream")
            if sum(map(len, messages)) > MAX_CHUNK_BYTES:
                words = f"An append to a recording has at most {MAX_CHUNK_BYTES >> 20} MB. Send less at once."
                raise TooLarge(words, surface="stream")
            values = [_parsed(message) for message in messages]
            run_id = path.removeprefix(RUNS)
            return await self._recordings.append(owner, run_id, producer, values, close=close)
        done = await self._log.append(
            _own(owner, path), messages, producer=producer, order=order, close=close, content_type=content_type
        )
        if not done.duplicate:
            self._appended(owner, path)
        return done

    async def head(self, owner: str, path: str) -> StreamInfo:
        """See ``Log.head``."""
        if not is_run(path):
            return await self._log.head(_own(owner, path))
        return await self._of_run(await self._answers.run(owner, path.removeprefix(RUNS)))

    async def read(self, owner: str, path: str, start: int) -> Reading:
        """See ``Log.read``; the reading always has its ``info``."""
        if not is_run(path):
            return await self._log.read(_own(owner, path), start)
        run = await self._answers.run(owner, path.removeprefix(RUNS))
        info = await self._of_run(run)
        return replace(await self._answers.read(run, start), info=info)

    async def follow(
        self, owner: str, path: str, start: int, *, share: Share | None = None, of: StreamInfo | None = None
    ) -> Steps:
        """See ``Log.follow``; with ``of`` that very stream."""
        if not is_run(path):
            return self._log.follow(_own(owner, path), start, share=share, of=None if of is None else of.id)
        run = await self._answers.run(owner, path.removeprefix(RUNS))
        return self._answers.follow(run, start, share=share, reader=owner)

    async def _of_run(self, run: RunRow) -> StreamInfo:
        """The same, whether a run's events are in the log still or in its message: there is never another of its id."""
        return replace(await self._answers.head(run), created_at=run.created_at, id=0)

    async def delete(self, owner: str, path: str) -> None:
        """See ``Log.delete``."""
        await self._log.delete(_own(owner, path))
        self._appended(owner, path)


def _parsed(message: bytes) -> Any:
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not valid JSON.", surface="stream") from None


def is_run(path: str) -> bool:
    """Whether a path is that of a run."""
    return path.startswith(RUNS) or path == RUNS.rstrip("/")


def own(owner: str, path: str) -> str:
    """The name of a user's own stream in the log; of the path ``""``, what the names of all of his begin with."""
    return f"streams/{owner}/{path}"


def _own(owner: str, path: str) -> str:
    """The name of a user's own stream in the log, where the path is one."""
    if is_run(path):
        raise NotAllowed("The streams below runs/ are written by answers alone.", surface="stream")
    if not names(path) or len(path) > MAX_PATH:
        words = f"A stream's path has between 1 and {MAX_PATH} characters, and no control characters."
        raise BadRequest(words, surface="stream")
    if any(empty in f"/{path}/" for empty in ("//", "/./", "/../")):
        raise NotFound("A stream's path has no empty segment, and none that is . or ..", surface="stream")
    return own(owner, path)
