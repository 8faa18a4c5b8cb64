"""The table of bad input, for what belongs to an account and to those who administer; see :mod:`tests.routes.bad_rows`.

All of it is asked by a session: that of an admin. ``{token}`` is an access token's id, ``{user}`` another user's.
"""

from __future__ import annotations

from typing import Final

from tests.routes.bad_rows import HUGE, Bad, Row, bodies, queries

PAGES: Final = ("limit=0", "limit=201", "limit=x", "cursor=nonsense", "cursor=%00", "cursor=" + "x" * 501)
LIMITS: Final = {"subject": "guest", "messages": 5}
TOKEN: Final = {"name": "script", "scopes": ["read"]}

TABLE: Final[dict[tuple[str, str], Row]] = {
    ("GET", "/api/tokens"): Row("/api/tokens", by_session=True, bad=(Bad(405, "method_not_allowed", method="PUT"),)),
    ("POST", "/api/tokens"): Row(
        "/api/tokens",
        body=TOKEN,
        form="object",
        by_session=True,
        bad=(
            *bodies(400, "bad_request", {"name": "x"}, {**TOKEN, "name": ""}, {**TOKEN, "name": "x" * 101}),
            *bodies(400, "bad_request", {**TOKEN, "name": " "}, {**TOKEN, "name": "a\x00b"}, {**TOKEN, "name": 7}),
            *bodies(400, "bad_request", {**TOKEN, "scopes": []}, {**TOKEN, "scopes": "read"}, {**TOKEN, "more": 1}),
            *bodies(400, "bad_request", {**TOKEN, "scopes": ["write"]}, {**TOKEN, "scopes": ["read"] * 21}),
            *bodies(400, "bad_request", {**TOKEN, "expires_in_days": 0}, {**TOKEN, "expires_in_days": 3651}),
            *bodies(400, "bad_request", {**TOKEN, "expires_in_days": 1.5}, {**TOKEN, "expires_in_days": HUGE}),
        ),
    ),
    ("DELETE", "/api/tokens/{token_id}"): Row("/api/tokens/{token}", by_session=True, missing=404, foreign=404),
    ("GET", "/api/admin/users"): Row(
        "/api/admin/users",
        by_session=True,
        bad=queries("/api/admin/users", 400, "bad_request", *PAGES, "kind=king", "q=" + "x" * 201),
    ),
    ("PATCH", "/api/admin/users/{user_id}"): Row(
        "/api/admin/users/{user}",
        body={"disabled": False},
        form="object",
        by_session=True,
        missing=404,
        bad=bodies(400, "bad_request", {"role": "king"}, {"role": 7}, {"disabled": "no"}, {"disabled": 1}, {"id": "x"}),
    ),
    ("DELETE", "/api/admin/users/{user_id}"): Row("/api/admin/users/{user}", by_session=True, missing=404),
    ("GET", "/api/admin/usage"): Row(
        "/api/admin/usage",
        by_session=True,
        bad=queries("/api/admin/usage", 400, "bad_request", "days=0", "days=367", "days=x", "user=" + "x" * 201),
    ),
    ("GET", "/api/admin/usage/users"): Row(
        "/api/admin/usage/users",
        by_session=True,
        bad=queries("/api/admin/usage/users", 400, "bad_request", *PAGES, "days=0", "key_owner=nobody"),
    ),
    ("GET", "/api/admin/audit"): Row(
        "/api/admin/audit",
        by_session=True,
        bad=queries("/api/admin/audit", 400, "bad_request", *PAGES, "action=tea.made", "actor=" + "x" * 201),
    ),
    ("GET", "/api/admin/limits"): Row("/api/admin/limits", by_session=True),
    ("PUT", "/api/admin/limits"): Row(
        "/api/admin/limits",
        body=LIMITS,
        form="object",
        by_session=True,
        bad=(
            *bodies(400, "bad_request", {}, {**LIMITS, "subject": ""}, {**LIMITS, "model": "one"}, {**LIMITS, "x": 1}),
            *bodies(400, "bad_request", {**LIMITS, "messages": -1}, {**LIMITS, "messages": 1.5}),
            *bodies(400, "bad_request", {**LIMITS, "messages": "on"}, {**LIMITS, "tokens_day": HUGE}),
            *bodies(400, "bad_request", {**LIMITS, "cost_day": -0.5}, {**LIMITS, "cost_month": "1"}),
            *bodies(404, "not_found", {**LIMITS, "subject": "nobody"}, {**LIMITS, "subject": "a\x00b"}),
        ),
    ),
    ("DELETE", "/api/admin/limits"): Row(
        "/api/admin/limits?subject=guest",
        by_session=True,
        bad=(
            *queries("/api/admin/limits", 400, "bad_request", "model=*", "subject=" + "x" * 201),
            *queries("/api/admin/limits", 404, "not_found", "subject=nobody", "subject=guest&model=x"),
        ),
    ),
    ("GET", "/api/usage"): Row(
        "/api/usage", bad=queries("/api/usage", 400, "bad_request", "days=0", "days=367", "days=x")
    ),
}
