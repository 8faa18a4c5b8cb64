"""Durable Streams on the wire: what is written is what is read, for any text, number and time."""

from __future__ import annotations

import json
import tracemalloc
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from threadline.domain.errors import BadRequest, TooLarge
from threadline.wire import durable

BLANK = some.text(" \t\n\r", max_size=3)
NUMBERS = some.one_of(
    some.integers(-(10**400), 10**400).map(str),
    some.sampled_from(
        ["1.0", "1e5", "-0", "-0.0", "1E400", "0.10000000000000000000001", "12345678901234567890", "9" * 5000]
    ),
)
STRINGS = some.one_of(
    some.text(some.characters(exclude_categories=["Cs"])).map(lambda text: json.dumps(text, ensure_ascii=False)),
    some.text(some.characters(exclude_categories=["Cs"])).map(json.dumps),
    some.sampled_from([r'"\u00e9"', r'"\ud83d\ude00"', r'"\ud800"', r'"\/"', '"]"', '"[,"', r'"\""', r'"\\"', '"}"']),
)
SCALARS = some.one_of(NUMBERS, STRINGS, some.sampled_from(["null", "true", "false"]))


def joined(values: list[str], around: str) -> str:
    return "[" + around + f"{around},{around}".join(values) + around + "]"


VALUES = some.recursive(
    SCALARS,
    lambda inner: some.one_of(
        some.builds(joined, some.lists(inner, max_size=4), BLANK),
        some.lists(some.tuples(STRINGS, inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{name} : {value}" for name, value in pairs) + "}"
        ),
    ),
    max_leaves=12,
)
TEXT = some.text(some.one_of(some.characters(exclude_categories=["Cs"]), some.sampled_from(" \n\r:é€😀")), min_size=1)


def events(frames: bytes) -> list[tuple[str, str]]:
    """Server-sent events as the standard reads them: type and data."""
    found, kind, data = [], "message", list[str]()
    for line in frames.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((kind, "\n".join(data)))
            kind, data = "message", []
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
    return found


def lines(text: str) -> str:
    """The only thing that server-sent events cannot carry: which kind of line break it was."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(some.lists(VALUES, min_size=1, max_size=6), BLANK)
def test_each_element_of_a_json_array_is_a_message_in_the_bytes_that_were_sent(values: list[str], around: str) -> None:
    body = (around + joined(values, around) + around).encode()
    assert durable.json_messages(body) == [value.encode() for value in values]


@given(VALUES, BLANK)
def test_any_other_json_value_is_one_message(value: str, around: str) -> None:
    found = durable.json_messages((around + value + around).encode())
    if not value.startswith("["):
        assert found == [value.encode()]


@given(some.recursive(some.none() | some.booleans() | some.integers() | some.text(), some.lists, max_leaves=20))
def test_messages_are_what_a_json_reader_finds(value: Any) -> None:
    body = json.dumps(value).encode()
    assert [json.loads(message) for message in durable.json_messages(body)] == (
        value if isinstance(value, list) else [value]
    )


@given(some.lists(VALUES, max_size=6))
def test_what_readers_get_is_the_array_of_the_messages(values: list[str]) -> None:
    messages = [value.encode() for value in values]
    assert durable.json_messages(durable.json_body(messages)) == messages


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"[1,]", b"[1 2]", b"[1]]", b"nul", b"NaN", b"[Infinity]", b"'a'", b'"\xff"', b"\xef\xbb\xbf1",
     b"[" * 100_000, b"01", b"[,]", b"//\n1"],
)  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        durable.json_messages(body)


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_more_values_than_are_taken_at_once_are_refused_without_making_any() -> None:
    body = b"[" + b",".join([b"{}"] * (durable.MAX_VALUES * 10)) + b"]"
    with little_memory(16 << 20), pytest.raises(TooLarge, match="100000"):
        durable.json_messages(body)


def test_values_cost_little_more_than_their_bytes_whatever_is_within_them() -> None:
    for value, count in ((b'{"a": [1, "b"]}', 20_000), (b"[" + b",".join([b"{}"] * 200_000) + b"]", 2)):
        body = b"[" + b", ".join([value] * count) + b"]"
        with little_memory(5 * len(body)):
            assert durable.json_messages(body) == [value] * count


def test_a_value_of_very_many_parts_is_refused() -> None:
    with pytest.raises(TooLarge, match="parts"):
        durable.json_messages(b"[[" + b",".join([b"[[]]"] * 1_000_000) + b"]]")


SPACIOUS = some.recursive(
    some.one_of(SCALARS, some.sampled_from([json.dumps("x" * 2000), json.dumps("\n\u00e9" * 900), "9" * 3000])),
    lambda inner: some.one_of(
        some.builds(joined, some.lists(inner, max_size=5), BLANK),
        some.builds(joined, some.integers(60, 70).map(lambda count: ["1"] * count), BLANK),
        some.tuples(some.lists(some.tuples(STRINGS, SCALARS), max_size=3), STRINGS, inner).map(
            lambda found: f"{{{' , '.join(f'{name}: {value}' for name, value in [*found[0] * 14, found[1:]])}}}"
        ),
    ),
    max_leaves=30,
)


@given(SPACIOUS, some.integers(0, 10**6), some.sampled_from([*'[]{},:"\\ 1.-eEtn', "\x00", "\x7f", ""]))
def test_what_is_json_here_is_json_for_a_reader_of_json(value: str, place: int, mark: str) -> None:
    at = place % (len(value) + 1)
    for text in (value, value[:at] + mark + value[at + 1 :]):
        try:
            whole = json.loads(text, parse_int=len, parse_float=len, parse_constant=lambda name: 1 / 0)
        except (ValueError, ZeroDivisionError):
            with pytest.raises(BadRequest):
                durable.json_messages(text.encode())
        else:
            found = durable.json_messages(text.encode())
            assert len(found) == (len(whole) if isinstance(whole, list) else 1)
            again = [json.loads(one, parse_int=len, parse_float=len) for one in found]
            assert again == (whole if isinstance(whole, list) else [whole])


@given(some.lists(some.integers(0, 2**31 - 1), min_size=2))
def test_offsets_sort_as_text_and_come_back_as_they_were(offsets: list[int]) -> None:
    texts = [durable.offset_text(offset) for offset in offsets]
    assert [durable.offset_of(text) for text in texts] == offsets
    assert [durable.offset_of(text) for text in sorted(texts)] == sorted(offsets)
    assert not set("".join(texts)) & set(",&=?/")
    assert all("-1" < text < "now" for text in texts)


@given(some.text())
def test_nothing_else_is_an_offset(text: str) -> None:
    found = durable.offset_of(text)
    assert found is None or text == "-1" or durable.offset_text(found) == text


@given(some.floats(1.7e9, 4e9), some.one_of(some.none(), some.integers(0, 10**18 - 1).map(str), some.text()),
       some.floats(1, durable.MAX_JITTER_SECONDS))  # fmt: skip
def test_a_cursor_always_moves_past_the_clients(now: float, asked: str | None, jitter: float) -> None:
    found = int(durable.cursor(now, asked, jitter))
    assert found >= int(now - durable.CURSOR_EPOCH) // durable.CURSOR_SECONDS
    if asked is not None and asked.isascii() and asked.isdigit() and len(asked) <= 18:
        assert found > int(asked)


@given(TEXT)
def test_any_text_comes_through_a_data_event_but_for_the_kind_of_its_line_breaks(text: str) -> None:
    frame = durable.TEXT_EVENTS.encode(0, [text.encode()])
    assert events(frame) == [("data", lines(text))]


@given(some.lists(some.binary(min_size=1), min_size=1))
def test_any_bytes_come_through_a_data_event_as_base64(messages: list[bytes]) -> None:
    [(kind, data)] = events(durable.BINARY_EVENTS.encode(0, messages))
    assert (kind, b64decode(data, validate=True)) == ("data", b"".join(messages))


@given(some.lists(VALUES, min_size=1, max_size=6))
def test_any_json_comes_through_a_data_event(values: list[str]) -> None:
    [(kind, data)] = events(durable.JSON_EVENTS.encode(0, [value.encode() for value in values]))
    assert kind == "data"
    assert durable.json_messages(data.encode()) == [lines(value).encode() for value in values]


@given(some.integers(0, 2**31), some.booleans(), some.booleans())
def test_a_control_event_tells_where_to_come_back(offset: int, up_to_date: bool, closed: bool) -> None:
    [(kind, data)] = events(durable.control(offset, "7", up_to_date=up_to_date, closed=closed))
    assert kind == "control"
    wanted: dict[str, Any] = {"streamNextOffset": durable.offset_text(offset)}
    wanted |= {"streamClosed": True} if closed else {"streamCursor": "7"}
    wanted |= {"upToDate": True} if up_to_date or closed else {}
    assert json.loads(data) == wanted


@given(TEXT, some.lists(some.integers(0, 400), max_size=12))
def test_a_text_that_is_cut_anywhere_goes_out_in_whole_characters(text: str, cuts: list[int]) -> None:
    whole = text.encode()
    places = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
    messages = [whole[a:b] for a, b in pairwise(places)]
    assert durable.unfinished(messages) == 0
    for count in range(len(messages) + 1):
        here = messages[:count]
        ready = here[: len(here) - durable.unfinished(here)]
        b"".join(ready).decode()
        if ready != here:
            with pytest.raises(UnicodeDecodeError):
                b"".join(here[: len(ready) + 1]).decode()


@given(some.lists(some.binary(min_size=1, max_size=5)))
def test_bytes_that_are_no_text_wait_for_little(messages: list[bytes]) -> None:
    held = messages[len(messages) - durable.unfinished(messages) :]
    assert all(message[-1] >= 0x80 for message in held)


@pytest.mark.parametrize(
    ("content_type", "text"),
    [("text/plain", True), ("Text/HTML; charset=UTF-8", True), ('text/plain; charset="us-ascii"', True),
     ("text/plain;charset=iso-8859-1", False), ("application/json", True), ("application/json; charset=utf-8", True),
     ("application/jsonx", False), ("application/octet-stream", False), ("", False)],
)  # fmt: skip
def test_only_what_is_utf8_goes_out_as_text(content_type: str, text: bool) -> None:
    assert durable.is_text(content_type) is text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:00:10Z", 10.0), ("1970-01-01T01:00:00.5+01:00", 0.5), ("1970-01-01", None), ("tomorrow", None),
     ("1970-01-01T00:00:10", None), ("", None), ("1970-13-01T00:00:00Z", None)],
)  # fmt: skip
def test_an_instant_names_its_zone(text: str, seconds: float | None) -> None:
    assert durable.instant(text) == seconds


@given(
    some.lists(some.one_of(TEXT, some.sampled_from(["\r", "\n", " ", "x" * durable.PIECE_BYTES])), min_size=1),
    some.integers(0, 6),
    some.sampled_from([durable.TEXT_EVENTS, durable.JSON_EVENTS, durable.BINARY_EVENTS]),
)
def test_a_frame_in_pieces_is_the_frame_that_lines_make_wherever_the_pieces_end(
    texts: list[str], short: int, kind: durable.Events
) -> None:
    messages = ["x" * (durable.PIECE_BYTES - short), *texts]
    pieces = list(kind.pieces([text.encode() for text in messages]))
    assert max(map(len, pieces)) <= 6 * durable.PIECE_BYTES + 16
    joined = "".join(messages) if kind is not durable.JSON_EVENTS else f"[{','.join(messages)}]"
    [(_, data)] = events(b"".join(pieces))
    if kind is durable.BINARY_EVENTS:
        assert b64decode(data, validate=True) == joined.encode()
    else:
        assert data == lines(joined)
