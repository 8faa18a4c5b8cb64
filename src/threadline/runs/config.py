"""The settings that runs obey, as one value handed down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunConfig:
    """``lease_seconds``: a run whose worker is silent for this long is taken over. ``max_runs``: live runs of one
    worker. ``max_steps``: model calls of one answer. ``context_messages``: how many of the newest messages of a branch
    a model is given; ``context_bytes``: how much of their content, as it is stored. ``title_model``: None for the
    answer's own model. ``retention_seconds``: how long the events of an ended run are kept beside its message."""

    lease_seconds: float = 5.0
    max_runs: int = 1000
    max_steps: int = 5
    context_messages: int = 50
    context_bytes: int = 4 << 20
    title_model: str | None = None
    retention_seconds: float = 3600.0
