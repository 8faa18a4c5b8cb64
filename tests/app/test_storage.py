"""A store that cannot be opened keeps the server from starting, in words and without a trace."""

from __future__ import annotations

from pathlib import Path

from tests.support.process import Child, free_port, python


def test_a_file_that_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "threadline.db").write_bytes(b"this is no database, and never was one" * 100)
    child = Child(
        python("-m", "threadline", "serve", "--port", str(free_port()), "--data", str(data)), tmp_path / "out.log"
    )
    child.start()
    assert child.wait(120) == 3
    words = child.output()
    assert "Traceback" not in words
    assert "threadline.db" in words or "database" in words
