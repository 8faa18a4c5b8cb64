"""The public face of the package is listed, complete and typed."""

from __future__ import annotations

import inspect
import re

import threadline
from tests.house.tree import SOURCE


def test_the_public_face_is_listed() -> None:
    public = [
        name
        for name, value in vars(threadline).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    ]
    assert sorted([*public, "__version__"]) == sorted(threadline.__all__)


def test_the_version_is_one_that_tools_understand() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(a|b|rc|dev)\d+)?", threadline.__version__)


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()
