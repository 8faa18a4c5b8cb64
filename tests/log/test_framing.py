"""Payloads: every message comes back byte for byte, and JSON costs one byte a message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from threadline.log.framing import LINES, RAW, SIZED, pack, unpack, unpack_all

MESSAGES = st.lists(st.binary(max_size=20) | st.sampled_from([b"", b"\n", b"a\nb"]), min_size=1, max_size=8)


@given(MESSAGES)
def test_a_row_gives_back_its_messages(messages: list[bytes]) -> None:
    framing, payload = pack(messages)
    assert unpack(framing, len(messages), payload) == messages


@given(st.lists(MESSAGES, max_size=6))
def test_rows_that_follow_one_another_give_back_all_messages(rows: list[list[bytes]]) -> None:
    packed = [(framing, len(row), payload) for row in rows for framing, payload in [pack(row)]]
    assert unpack_all(packed) == [message for row in rows for message in row]


def test_json_is_kept_in_lines_at_one_byte_a_message() -> None:
    messages = [b'{"a":1}'] * 100
    framing, payload = pack(messages)
    assert framing == LINES
    assert len(payload) == sum(map(len, messages)) + 99


def test_a_message_with_a_line_break_is_kept_as_it_is_and_several_with_their_sizes() -> None:
    assert pack([b"a\nb"]) == (RAW, b"a\nb")
    framing, payload = pack([b"a\nb", b"c"])
    assert framing == SIZED
    assert len(payload) == 8 + 4
