"""Our fold and the reducer of the npm package ``ai`` 7 make the same message of the same chunks.

Where the majors differ, 7 is meant: in 5 and 6 a delta after ``finish-step`` is an error, ``rawInput`` belongs to
``tool-input-error``, reasoning parts have no ``id``, and ``reset-step`` is unknown. In one thing we do not follow it:
half of a surrogate pair, which it shows while arguments come, is none of our text, since no storage keeps it.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.clients.chunks import Chunk, Sequence
from tests.clients.wild import wild
from tests.support.node import CLIENTS, installed_clients, node_path
from tests.support.process import ROOT
from threadline.domain.fold import Fold, fold

_SEQUENCES = 500


def reduced(sequences: list[list[Chunk]]) -> list[dict[str, Any]]:
    """What the package makes of each."""
    node = node_path()
    if node is None:
        pytest.skip("missing tool: no Node.js")
    installed_clients()
    lines = "".join(json.dumps(one) + "\n" for one in sequences)
    done = subprocess.run(
        [node, "reduce.mjs"], input=lines, capture_output=True, text=True, cwd=CLIENTS, timeout=120, check=True
    )
    return [_whole(json.loads(line)) for line in done.stdout.splitlines()]


def _whole(value: Any) -> Any:
    """Without halves of surrogate pairs."""
    if isinstance(value, dict):
        return {_whole(key): _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value.encode("utf-8", "ignore").decode() if isinstance(value, str) else value


def test_generated_sequences_of_chunks_make_the_same_message_as_in_version_7() -> None:
    sequences = [Sequence(seed).made() for seed in range(_SEQUENCES)]
    assert len({chunk["type"] for chunks in sequences for chunk in chunks}) >= 27
    for seed, (chunks, theirs) in enumerate(zip(sequences, reduced(sequences), strict=True)):
        assert theirs["errors"] == [], f"seed {seed} makes a sequence that the package refuses"
        ours = fold(chunks)
        assert ours.snapshot() == theirs["parts"], f"seed {seed}"
        assert (ours.metadata or None) == (theirs["metadata"] or None), f"seed {seed}"
        assert (ours.message_id or "") == theirs["id"], f"seed {seed}"


def test_whatever_a_program_may_write_is_read_by_the_package_and_makes_the_same_message() -> None:
    sequences = [wild(seed) for seed in range(_SEQUENCES)]
    assert len({chunk["type"] for chunks in sequences for chunk in chunks}) >= 23
    for seed, (chunks, theirs) in enumerate(zip(sequences, reduced(sequences), strict=True)):
        assert theirs["errors"] == [], f"seed {seed}"
        assert fold(chunks).snapshot() == theirs["parts"], f"seed {seed}"


def test_the_shared_sequences_are_what_the_package_makes_of_them() -> None:
    """The page's fold is tested with them, where no package is at hand."""
    shared = json.loads((ROOT / "protocol" / "fixtures" / "sequences.json").read_text())
    for one, theirs in zip(shared, reduced([one["events"] for one in shared]), strict=True):
        assert one["parts"] == theirs["parts"]
        assert fold(one["events"]).snapshot() == one["parts"]


def test_every_prefix_of_a_sequence_makes_the_same_message_as_in_version_7() -> None:
    whole = [Sequence(seed).made() for seed in range(1000, 1020)]
    prefixes = [chunks[:end] for chunks in whole for end in range(1, len(chunks) + 1)]
    for chunks, theirs in zip(prefixes, reduced(prefixes), strict=True):
        looked = Fold()
        for chunk in chunks:
            looked.apply(chunk)
            looked.snapshot()
        assert looked.snapshot() == theirs["parts"], chunks
