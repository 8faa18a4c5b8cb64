"""Calls of tools that have no output yet, by the id under which it will come."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class OpenCalls(Generic[T]):
    """Where the calls stand that wait for an output. To add one and to take one costs the same, however many wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[int, deque[T]]]] = {}

    def add(self, call_id: str, message: int, place: T) -> None:
        """A call, at ``place`` of the ``message``-th message; they come in order."""
        groups = self._waiting.setdefault(call_id, [])
        if not groups or groups[-1][0] != message:
            groups.append((message, deque()))
        groups[-1][1].append(place)

    def take(self, call_id: str) -> tuple[int, T] | None:
        """The message and the place of the call that an output is for, which then waits no more: of those with that
        id, the first of the newest message. None where none waits."""
        groups = self._waiting.get(call_id)
        if not groups:
            return None
        message, places = groups[-1]
        place = places.popleft()
        if not places:
            groups.pop()
        return message, place
