"""One noun for one thing, one sentence at the top of every module, and no words that do not belong in the tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import faults, parsed, python_files, shown, texts, typescript_files, under

# Put together from pieces, so that this file passes its own test.
REGISTRIES = ("py" + "pi", "python" + "hosted", r"registry\.npm" + "js")
FORBIDDEN = {
    "a package registry's host": rf"\b({'|'.join(REGISTRIES)})\.(org|com)\b",
    "a path of one machine": r"(?<![\w.])/(" + "|".join(("wor" + "k", "far" + "m", "roo" + "t", r"home/\w+")) + r")/",
    "a number of a tracker that readers do not have": r"\bissues? #?\d+\b",
    "a note to oneself": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b",
}

# The nouns: conversation, message, part, run, event, offset, lease, epoch, provider, model. Not these:
SYNONYMS = {
    ("convo",): "conversation",
    ("conv",): "conversation",
    ("thread", "id"): "conversation_id",
    ("chat", "session"): "conversation",
    ("msg",): "message",
    ("msgs",): "messages",
    ("llm",): "model",
    ("vendor",): "provider",
    ("job", "id"): "run_id",
    ("generation", "id"): "run_id",
    ("ev",): "event",
    ("evt",): "event",
}
EMPTY = {"util", "utils", "helper", "helpers", "misc", "stuff", "manager", "impl", "common"}


def test_no_word_stands_in_the_tree_that_does_not_belong_there() -> None:
    found = []
    for name, text in texts():
        if name.endswith(("LICENSE", ".svg")):
            continue
        for what, pattern in FORBIDDEN.items():
            ignore_case = 0 if what == "a note to oneself" else re.IGNORECASE
            for match in re.finditer(pattern, text, ignore_case):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {what}: {match.group()}")
    assert not found, faults(found)


def test_every_python_module_opens_with_one_sentence() -> None:
    found = [
        f"{shown(path)}: {fault}"
        for path in python_files()
        if (fault := sentence_fault(ast.get_docstring(parsed(path)) or ""))
    ]
    assert not found, faults(found)


def test_every_typescript_module_opens_with_one_sentence() -> None:
    found = [
        f"{shown(path)}: {fault}"
        for path in typescript_files()
        if (fault := sentence_fault(opening_comment(path.read_text())))
    ]
    assert not found, faults(found)


def opening_comment(text: str) -> str:
    """What the comment says that a TypeScript file begins with."""
    if text.startswith("/**"):
        return re.sub(r"^\s*\* ?", "", text[3 : text.index("*/")], flags=re.MULTILINE).strip()
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.removeprefix("//").strip())
    return "\n".join(lines).strip()


def sentence_fault(text: str) -> str:
    """What is wrong with an opening; empty where nothing is."""
    first = " ".join(text.split("\n\n")[0].split("\n")).strip()
    if not first:
        return "says nothing of what it is for"
    if not first.endswith((".", ":")) and "." not in first:
        return "its first sentence has no end"
    return ""


def declared(path: Path) -> Iterator[tuple[int, str]]:
    """Every name that a Python file declares, with its line."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def declared_in_typescript(path: Path) -> Iterator[tuple[int, str]]:
    """Every name that a TypeScript file declares with a keyword, with its line."""
    pattern = re.compile(r"\b(?:const|let|function|class|interface|type|enum)\s+([A-Za-z_$][\w$]*)")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for match in pattern.finditer(line):
            yield number, match[1]


def words_of(name: str) -> tuple[str, ...]:
    """The words of an identifier, in lower case."""
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name))


def synonym_in(name: str) -> str:
    """The noun that an identifier should have used; empty where it did."""
    words = words_of(name)
    for size in (2, 1):
        for at in range(len(words) - size + 1):
            if noun := SYNONYMS.get(words[at : at + size]):
                return noun
    return ""


def test_one_thing_has_one_noun() -> None:
    names = [(path, *found) for path in under("src", ".py") for found in declared(path)]
    names += [(path, *found) for path in typescript_files() for found in declared_in_typescript(path)]
    found = [f"{shown(path)}:{line}: {name}: say {noun}" for path, line, name in names if (noun := synonym_in(name))]
    assert not found, faults(found)


def test_no_module_is_named_for_nothing() -> None:
    found = [shown(path) for path in [*python_files(), *typescript_files()] if EMPTY & set(words_of(path.stem))]
    assert not found, faults(found)


@pytest.mark.parametrize(
    ("name", "noun"),
    [("threadId", "conversation_id"), ("new_conv", "conversation"), ("LLMClient", "model"), ("thread_pool", "")],
)
def test_the_glossary_reads_both_spellings(name: str, noun: str) -> None:
    assert synonym_in(name) == noun
