"""What can be set, called, typed or received is in the reference, and nothing in the docs is dead or broken."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house.tree import ROOT, SOURCE, faults, parsed, shown, under
from threadline import settings

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED_TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def reference() -> str:
    """All pages of the reference, as one text."""
    return "\n".join(path.read_text() for path in under("docs/reference", ".md"))


def setting_names() -> Iterator[str]:
    yield from (f"{settings.PREFIX}{name.upper()}" for name in settings.NAMES)
    for variables in settings.PROVIDER_KEYS.values():
        yield from variables


def event_types() -> Iterator[str]:
    """Every type that `domain/events.py` writes."""
    for node in ast.walk(parsed(SOURCE / "domain" / "events.py")):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant):
                    yield str(value.value)


def route_paths() -> Iterator[str]:
    """Every address of the URL table: the resources' and, by their constructors, the raw ones'."""
    from threadline import routes

    yield from (path for _, path, *_ in routes.RESOURCES)
    for node in ast.walk(parsed(SOURCE / "routes" / "__init__.py")):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Route"):
            yield from (str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant))


def command_names() -> Iterator[str]:
    """Every command as a person types it."""
    cli: Any = importlib.import_module("threadline.cli")
    from typer.main import get_command

    yield from _commands(get_command(cli.app), "threadline")


def _commands(command: Any, path: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if not children:
        yield path
        return
    for name, child in children.items():
        if not child.hidden:
            yield from _commands(child, f"{path} {name}")


def missing(names: Iterator[str]) -> list[str]:
    """The names that the reference does not speak of."""
    text = reference()
    return [name for name in sorted(set(names)) if not re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", text)]


def test_every_setting_is_in_the_reference() -> None:
    assert not (gone := missing(setting_names())), faults(gone)


def test_every_event_is_in_the_reference() -> None:
    assert not (gone := missing(event_types())), faults(gone)


def test_every_command_is_in_the_reference() -> None:
    assert not (gone := missing(command_names())), faults(gone)


def test_every_route_is_in_the_reference() -> None:
    """The names of parameters are free; the addresses are not."""
    known = set(re.findall(r"(?<![\w.:/])/[\w/.{}-]*", re.sub(r"\{\w+\}", "{}", reference())))
    gone = [path for path in sorted(set(route_paths())) if re.sub(r"\{\w+(:\w+)?\}", "{}", path) not in known]
    assert not gone, faults(gone)


def test_the_reference_names_no_setting_that_is_none() -> None:
    known = set(setting_names()) | {"THREADLINE_CONFIG"}
    named = set(re.findall(r"\bTHREADLINE_[A-Z_]*[A-Z]\b", reference()))
    assert not (extra := sorted(named - known)), faults(extra)


def test_every_link_between_pages_leads_somewhere() -> None:
    dead = []
    for path in under("", ".md"):
        for target in LINK.findall(FENCE.sub("", path.read_text())):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            if not (path.parent / target.split("#")[0]).exists():
                dead.append(f"{shown(path)}: {target}")
    assert not dead, faults(dead)


def test_every_page_of_the_docs_is_linked_from_another() -> None:
    pages = under("docs", ".md")
    linked = {
        (path.parent / target.split("#")[0]).resolve()
        for path in [*pages, ROOT / "README.md"]
        for target in LINK.findall(path.read_text())
    }
    alone = [shown(path) for path in pages if path.resolve() not in linked and path.parent.resolve() not in linked]
    assert not [page for page in alone if page != "docs/index.md"], faults(alone)


def test_every_test_that_the_docs_name_is_there() -> None:
    named = {(path, *one) for path in under("docs", ".md") for one in NAMED_TEST.findall(path.read_text())}
    assert len(named) > 100, "the page about security names its tests"
    missing = [f"{shown(path)}: {file}::{name}" for path, file, name in sorted(named) if name not in _tests_in(file)]
    assert not missing, faults(missing)


def _tests_in(file: str) -> set[str]:
    path = ROOT / "tests" / file
    body = parsed(path).body if path.is_file() else []
    return {one.name for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def examples(language: str) -> list[Any]:
    """Every example in the docs of a language, named by its page and number."""
    return [
        pytest.param(text, id=f"{shown(path)}-{number}")
        for path in [ROOT / "README.md", *under("docs", ".md")]
        for number, (info, text) in enumerate(FENCE.findall(path.read_text()))
        if info.split() == language.split()
    ]


@pytest.mark.parametrize("text", examples("toml"))
def test_every_example_of_a_settings_file_is_taken(text: str, tmp_path: Any) -> None:
    tomllib.loads(text)
    file = tmp_path / "threadline.toml"
    file.write_text(text)
    settings.load({}, file)


def test_every_make_target_in_the_docs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {
        target
        for path in [*under("docs", ".md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        for target in re.findall(r"`(?:\w+=\S+ )?make ([a-z-]+)", path.read_text())
    }
    unknown = [name for name in sorted(named) if not re.search(rf"^{name}:", makefile, re.MULTILINE)]
    assert not unknown, faults(unknown)
