"""Doorbells inside one process: who waits for a topic hears that it may have changed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Signals:
    """Topics that can be listened to on the event loop and poked from any thread.

    A bell tells only that something may have changed, never what: listen first, then look, then wait. A poke is never
    lost by who listens already; pokes that come together may ring once. The loop that listens first owns the object.
    """

    def __init__(self) -> None:
        self._bells: dict[str, dict[object, Callable[[], object]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    @contextmanager
    def listen(self, topic: str) -> Iterator[asyncio.Event]:
        """An event that each poke of ``topic`` sets; clear it before looking again. Only on the event loop."""
        bell = asyncio.Event()
        with self.attach(topic, bell.set):
            yield bell

    @contextmanager
    def attach(self, topic: str, ring: Callable[[], object]) -> Iterator[None]:
        """Have ``ring`` called on the event loop at each poke of ``topic``; it must be quick and may not raise."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.get_ident()
        key = object()
        self._bells.setdefault(topic, {})[key] = ring
        try:
            yield
        finally:
            bells = self._bells[topic]
            del bells[key]
            if not bells:
                del self._bells[topic]

    def poke(self, topic: str) -> None:
        """Ring for everyone who listens to ``topic`` now; from any thread."""
        self.poke_all((topic,))

    def poke_all(self, topics: Iterable[str]) -> None:
        """Ring for several topics at once; from any thread."""
        loop = self._loop
        if loop is None:
            return
        if threading.get_ident() == self._thread:
            self._ring(topics)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self._ring, tuple(topics))

    def _ring(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for ring in tuple(self._bells.get(topic, {}).values()):
                ring()
