"""The table of bad input, for registering, signing in and what is one's own; see :mod:`tests.routes.bad_rows`.

``{session}`` is the id of a session.
"""

from __future__ import annotations

from typing import Any, Final

from tests.routes.bad_rows import Bad, Row, bodies, deep
from tests.routes.conftest import PASSWORD

NEW: Final = {"email": "new@example.org", "password": PASSWORD}
KNOWN: Final = {"email": "member@example.org", "password": PASSWORD}
CHANGE: Final = {"current": PASSWORD, "password": "quite another one"}
NOT_PUT: Final = (Bad(405, "method_not_allowed", method="PUT"),)


def _shapes(good: dict[str, Any]) -> tuple[Bad, ...]:
    """What has not the form of somebody's address and password."""
    return bodies(
        400,
        "bad_request",
        {"email": good["email"]},
        {"password": PASSWORD},
        {**good, "email": 7},
        {**good, "email": ""},
        {**good, "email": "x" * 255},
        {**good, "password": 7},
        {**good, "password": ""},
        {**good, "password": "x" * 1001},
        {**good, "password": deep()},
        {**good, "more": 1},
    )


TABLE: Final[dict[tuple[str, str], Row]] = {
    ("POST", "/api/auth/register"): Row(
        "/api/auth/register",
        body=NEW,
        form="object",
        by_nobody=True,
        bad=(
            *_shapes(NEW),
            *bodies(400, "bad_request:account", {**NEW, "email": "nonsense"}, {**NEW, "email": "a\x00b@example.org"}),
            *bodies(400, "bad_request:account", {**NEW, "name": " "}, {**NEW, "name": "a\x1b[31m"}),
            *bodies(400, "bad_request", {**NEW, "name": ""}, {**NEW, "name": "x" * 101}, {**NEW, "name": 7}),
            *bodies(400, "bad_request:password", {**NEW, "password": "short"}, {**NEW, "password": "password1"}),
            *bodies(409, "conflict:account", KNOWN, {**NEW, "email": " MEMBER@example.org"}),
            Bad(400, "bad_request", headers={"Content-Type": "text/plain"}),
        ),
    ),
    ("POST", "/api/auth/login"): Row(
        "/api/auth/login",
        body=KNOWN,
        form="object",
        by_nobody=True,
        bad=(*_shapes(KNOWN), Bad(400, "bad_request", headers={"Content-Type": "text/plain"})),
    ),
    ("POST", "/api/auth/logout"): Row("/api/auth/logout", by_nobody=True, bad=NOT_PUT),
    ("PUT", "/api/auth/password"): Row(
        "/api/auth/password",
        body=CHANGE,
        form="object",
        by_session=True,
        bad=(
            *bodies(400, "bad_request", {"current": PASSWORD}, {**CHANGE, "password": 7}, {**CHANGE, "current": 7}),
            *bodies(400, "bad_request", {**CHANGE, "password": "x" * 1001}, {**CHANGE, "more": 1}),
            *bodies(400, "bad_request:password", {**CHANGE, "password": "short"}, {**CHANGE, "password": "12345678"}),
            *bodies(403, "forbidden:password", {"password": CHANGE["password"]}),
        ),
    ),
    ("GET", "/api/auth/sessions"): Row("/api/auth/sessions", by_session=True, bad=NOT_PUT),
    ("DELETE", "/api/auth/sessions"): Row("/api/auth/sessions", by_session=True, bad=NOT_PUT),
    ("DELETE", "/api/auth/sessions/{session_id}"): Row(
        "/api/auth/sessions/{session}", by_session=True, missing=404, foreign=404
    ),
    ("PATCH", "/api/me"): Row(
        "/api/me",
        body={"name": "Ada"},
        form="object",
        by_session=True,
        bad=(
            *bodies(400, "bad_request", {"name": ""}, {"name": " "}, {"name": 7}, {"name": "x" * 101}, {"id": "x"}),
            *bodies(400, "bad_request", {"email": 7}, {"email": "nonsense"}, {"name": "a\x00b"}, {"role": "admin"}),
            *bodies(403, "forbidden:password", {"email": "other@example.org"}),
            *bodies(409, "conflict:account", {"email": "member@example.org", "password": PASSWORD}),
        ),
    ),
    ("DELETE", "/api/me"): Row(
        "/api/me",
        # By then it is that one.
        body={"password": CHANGE["password"]},
        form="object",
        by_session=True,
        bad=(
            *bodies(400, "bad_request", {"password": 7}, {"password": ""}, {"sure": True}),
            *bodies(403, "forbidden:password", {}),
        ),
    ),
}
