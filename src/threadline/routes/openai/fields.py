"""A JSON object that a client sent, read field by field: each is of its type, or the error names its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from threadline.domain.errors import BadRequest
from threadline.routes.openai.errors import invalid


class Fields:
    """Reads from ``values``, an object at the place ``at`` of the body. A field that is null counts as absent."""

    def __init__(self, values: Mapping[str, Any], at: str = "") -> None:
        self._values = values
        self._at = at

    def place(self, name: str) -> str:
        """Where a field stands, for people."""
        return f"{self._at}.{name}" if self._at else name

    def wrong(self, name: str, words: str) -> BadRequest:
        """The error that tells what is wrong with a field."""
        return invalid(self.place(name), words)

    def get(self, name: str) -> Any:
        """A field, of whatever type."""
        return self._values.get(name)

    def text(self, name: str, most: int | None = None) -> str | None:
        """A text, of at most so many characters."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.wrong(name, "must be a text.")
        if most is not None and len(value) > most:
            raise self.wrong(name, f"has at most {most} characters.")
        return value

    def needed(self, name: str, most: int | None = None) -> str:
        """A text that has to be there."""
        value = self.text(name, most)
        if not value:
            raise self.wrong(name, "is missing.")
        return value

    def choice(self, name: str, among: Collection[str]) -> str | None:
        """One of some words."""
        value = self.text(name)
        if value is not None and value not in among:
            raise self.wrong(name, f"must be one of {', '.join(among)}.")
        return value

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "must be true or false.")
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(name, f"must be a whole number from {low} to {high}.")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(name, f"must be a number from {low:g} to {high:g}.")
        return value

    def inner(self, name: str) -> Fields | None:
        """An object."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "must be an object.")
        return Fields(value, self.place(name))

    def table(self, name: str) -> dict[str, Any] | None:
        """An object as it is."""
        return dict(found._values) if (found := self.inner(name)) is not None else None

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of a list."""
        value = self.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.wrong(name, "must be a list.")
        for number, one in enumerate(value):
            if not isinstance(one, dict):
                raise self.wrong(f"{name}[{number}]", "must be an object.")
            yield Fields(one, self.place(f"{name}[{number}]"))
