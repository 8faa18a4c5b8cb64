"""The secret of an installation: made once, for its owner alone, and never half there."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadline.app.failures import CannotStart
from threadline.app.secret import secrets
from threadline.settings import Settings, SettingsError, load
from threadline.world import SystemWorld

WORLD = SystemWorld()


def test_it_is_made_at_the_first_start_and_stays(tmp_path: Path) -> None:
    (first,) = secrets(Settings(data=tmp_path), WORLD)
    assert len(first) == 32
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert secrets(Settings(data=tmp_path), WORLD) == [first]
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_what_a_crash_left_of_it_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret.new").write_text("half")
    (found,) = secrets(Settings(data=tmp_path), WORLD)
    assert len(found) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("text", ["", "too short", "AAAA", "!" * 50])
def test_one_that_is_damaged_ends_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text(text)
    with pytest.raises(CannotStart, match="damaged"):
        secrets(Settings(data=tmp_path), WORLD)


def test_a_setting_has_its_place_and_nothing_is_written(tmp_path: Path) -> None:
    chosen = load({"THREADLINE_SECRET": "a new secret of words, an old secret of words"}, data=tmp_path)
    assert secrets(chosen, WORLD) == [b"a new secret of words", b"an old secret of words"]
    assert not list(tmp_path.iterdir())


def test_one_that_can_be_guessed_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"THREADLINE_SECRET": "correct horse battery,short"})
    assert "short" not in str(caught.value).replace("at least", "")
    assert "16 characters" in str(caught.value)


def test_it_is_not_shown_with_the_settings() -> None:
    chosen = load({"THREADLINE_SECRET": "correct horse battery"})
    assert "horse" not in repr(chosen)
