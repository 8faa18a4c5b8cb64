"""Messages as clients of the several majors assemble them, made comparable with the stored ones."""

from __future__ import annotations

from typing import Any


def shown(parts: list[dict[str, Any]], major: int) -> list[dict[str, Any]]:
    """A message's parts without those that were interrupted, and without what a major does not keep of a part."""
    return [_kept(part, major) for part in parts if not _interrupted(part)]


def _interrupted(part: dict[str, Any]) -> bool:
    marks: dict[str, Any] = (part.get("providerMetadata") or {}).get("threadline") or {}
    return bool(marks.get("interrupted"))


def _kept(part: dict[str, Any], major: int) -> dict[str, Any]:
    if part["type"] == "reasoning" and major < 7:
        return {name: value for name, value in part.items() if name != "id"}
    return part
