"""Our own frames: server-sent events and ``/api/live``."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from threadline.wire import sse
from threadline.wire.native import LIVE, NATIVE, live_events, live_form, live_frame, poll_page

values = st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(0, 9), max_size=3)


@given(st.lists(st.lists(values, min_size=1, max_size=3), min_size=1, max_size=4), st.integers(0, 99), st.text())
def test_a_live_frame_holds_the_events_of_all_its_batches(
    batches: list[list[dict[str, Any]]], first: int, subscription: str
) -> None:
    joined = [LIVE.encode(0, [orjson.dumps(event) for event in batch]) for batch in batches]
    frame = orjson.loads(live_events(subscription, first, joined))
    events = [event for batch in batches for event in batch]
    assert frame == {"type": "events", "id": subscription, "offset": first, "events": events}


def test_native_events_are_the_very_bytes_of_the_log() -> None:
    assert NATIVE.encode(7, [b'{"a":1}', b'{"b":2}']) == b'id: 7\ndata: {"a":1}\n\nid: 8\ndata: {"b":2}\n\n'


def test_last_words_are_events_with_a_name() -> None:
    assert sse.end(12) == b'event: end\ndata: {"next":12}\n\n'
    assert sse.reconnect(250) == b'event: reconnect\ndata: {"after_ms":250}\nretry: 250\n\n'


def test_other_live_frames_are_flat_objects() -> None:
    assert orjson.loads(live_frame("end", {"id": "s1", "next": 4})) == {"type": "end", "id": "s1", "next": 4}


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=4))
def test_a_message_of_any_bytes_becomes_an_event_from_which_they_come_back(messages: list[bytes]) -> None:
    for kind in (
        "text/plain",
        "text/html; charset=utf-8",
        "application/octet-stream",
        "text/plain; charset=utf-16",
        "",
    ):
        events = orjson.loads(b"[" + live_form(kind).encode(0, messages) + b"]")
        back = [event.encode() if isinstance(event, str) else b64decode(event["base64"]) for event in events]
        assert back == messages


def test_a_json_message_is_an_event_in_its_very_bytes() -> None:
    assert live_form("application/json; charset=utf-8") is LIVE
    assert LIVE.encode(0, [b'{"a" : 1.50}', b"null"]) == b'{"a" : 1.50},null'


def test_a_poll_tells_where_it_begins_and_where_to_go_on() -> None:
    page = poll_page(3, [b"1,2", b'{"a":"b"}'], 6, end=True, up_to_date=True)
    assert orjson.loads(page) == {"events": [1, 2, {"a": "b"}], "offset": 3, "next": 6, "end": True, "up_to_date": True}
    assert orjson.loads(poll_page(3, [], 3, end=False, up_to_date=True))["events"] == []
