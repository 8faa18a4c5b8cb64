"""The table of bad input, for sharing; see :mod:`tests.routes.bad_rows`.

``{share}`` is a link's id, ``{link}`` what is in one, and ``{person}`` somebody who came by it.
"""

from __future__ import annotations

from typing import Final

from tests.routes.bad_rows import HUGE, Bad, Row, bodies

ONE: Final = "/api/conversations/{chat}"
SHARE: Final = {"role": "observer"}

TABLE: Final[dict[tuple[str, str], Row]] = {
    ("GET", "/api/conversations/{conversation_id}/shares"): Row(f"{ONE}/shares", missing=404, foreign=404),
    ("POST", "/api/conversations/{conversation_id}/shares"): Row(
        f"{ONE}/shares",
        body=SHARE,
        form="object",
        missing=404,
        foreign=404,
        bad=(
            *bodies(400, "bad_request", {}, {"role": "owner"}, {"role": None}, {"role": 7}, {**SHARE, "more": 1}),
            *bodies(400, "bad_request", {**SHARE, "email": 7}, {**SHARE, "email": "nobody"}),
            *bodies(400, "bad_request", {**SHARE, "email": "a@b c"}, {**SHARE, "email": "a@" + "x" * 253}),
            *bodies(400, "bad_request", {**SHARE, "expires_in_days": 0}, {**SHARE, "expires_in_days": 366}),
            *bodies(400, "bad_request", {**SHARE, "expires_in_days": 1.5}, {**SHARE, "expires_in_days": HUGE}),
        ),
    ),
    ("DELETE", "/api/conversations/{conversation_id}/shares/{share_id}"): Row(
        f"{ONE}/shares/{{share}}",
        missing=404,
        foreign=404,
        bad=(
            Bad(404, "not_found", address=f"{ONE}/shares/shr_none"),
            Bad(404, "not_found", address=f"{ONE}/shares/{{foreign.share}}"),
            Bad(400, "bad_request", address=f"{ONE}/shares/" + "x" * 201),
        ),
    ),
    ("GET", "/api/conversations/{conversation_id}/participants"): Row(f"{ONE}/participants", missing=404, foreign=404),
    ("DELETE", "/api/conversations/{conversation_id}/participants/{user_id}"): Row(
        f"{ONE}/participants/{{person}}",
        missing=404,
        foreign=404,
        bad=(
            Bad(404, "not_found", address=f"{ONE}/participants/usr_none"),
            Bad(404, "not_found", address=f"{ONE}/participants/{{user}}"),
        ),
    ),
    ("GET", "/api/shares/{token}"): Row(
        "/api/shares/{link}",
        missing=404,
        bad=(
            Bad(404, "not_found", address="/api/shares/%00"),
            Bad(400, "bad_request", address="/api/shares/" + "x" * 201),
        ),
    ),
    ("POST", "/api/shares/{token}/accept"): Row(
        "/api/shares/{link}/accept",
        missing=404,
        bad=(Bad(404, "not_found", address="/api/shares/shr_none/accept"),),
    ),
}
