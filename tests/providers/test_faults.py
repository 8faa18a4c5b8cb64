"""A provider's failures, in the several shapes that they come in."""

from __future__ import annotations

import pytest

from threadline.providers.faults import from_response, message_of, retry_after

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "a"}}, "a"),
        ({"error": "a"}, "a"),
        ({"message": "a"}, "a"),
        ({"detail": "a"}, "a"),
        ({"detail": [{"msg": "a"}]}, "a"),
        ([{"error": {"message": "a"}}], "a"),
        ({"error": {"message": {"detail": "a"}}}, "a"),
        ({"error": {"message": "a\n  b"}}, "a b"),
        ({"error": {"message": ""}}, None),
        ({"error": None}, None),
        ([], None),
        (7, None),
    ],
)
def test_the_providers_message_is_found(body: object, message: str | None) -> None:
    assert message_of(body) == message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10.0),
        ({"Retry-After": "Tue, 14 Nov 2000 22:13:30 GMT"}, 0.0),
        ({"Retry-After": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "1e400"}, 86_400.0),
        ({"Retry-After": "99999999"}, 86400.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "Too long."}}', "Too long."),
        (b'data: {"error": {"message": "Too long."}}\n\n', "Too long."),
        (b"Too long.", "Too long."),
        (b"<html>", "Maker answered 400 Bad Request."),
        (b"", "Maker answered 400 Bad Request."),
        (b"{broken", "Maker answered 400 Bad Request."),
    ],
)
def test_a_refusals_body_may_be_anything(body: bytes, message: str) -> None:
    error = from_response("Maker", 400, "Bad Request", {}, body, NOW)
    assert error.message == message
    assert error.details == {"provider": "Maker", "status": 400}


def test_a_message_without_end_is_shortened() -> None:
    assert len(message_of({"error": "x" * 9999}) or "") == 2000
