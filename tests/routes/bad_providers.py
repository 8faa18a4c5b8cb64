"""The table of bad input, for signing in through providers; see :mod:`tests.routes.bad_rows`.

A browser that is led there is led on, to a page that says what is wrong: that is no error, but nothing is written.
"""

from __future__ import annotations

from typing import Final

from tests.routes.bad_rows import Bad, Row, queries
from threadline.domain.logins import LoginConfig

LOGINS: Final = (LoginConfig("office", "oidc", "us", issuer="http://127.0.0.1:1"),)
"""Nobody is there."""

NOT_PUT: Final = (Bad(405, "method_not_allowed", method="PUT"),)
BACK: Final = (
    "",
    "state=",
    "state=x",
    "state=%00&code=x",
    "state=x&code=" + "x" * 5000,
    "error=access_denied",
    "code=x",
)

TABLE: Final[dict[tuple[str, str], Row]] = {
    ("GET", "/api/auth/providers"): Row("/api/auth/providers", bad=NOT_PUT),
    ("GET", "/api/auth/errors"): Row("/api/auth/errors", bad=NOT_PUT),
    ("GET", "/api/auth/errors/{code}"): Row(
        "/api/auth/errors/denied",
        bad=(
            Bad(404, "not_found:login", address="/api/auth/errors/nothing"),
            Bad(404, "not_found:login", address="/api/auth/errors/%00"),
            *NOT_PUT,
        ),
    ),
    ("GET", "/api/auth/identities"): Row("/api/auth/identities", by_session=True, bad=NOT_PUT),
    ("DELETE", "/api/auth/identities/{provider}"): Row(
        "/api/auth/identities/office",
        by_session=True,
        bad=(Bad(404, "not_found:identity", address="/api/auth/identities/%00"), *NOT_PUT),
    ),
    ("GET", "/api/auth/{provider}/login"): Row(
        "/api/auth/office/login",
        by_nobody=True,
        bad=(
            *queries(
                "/api/auth/office/login", 303, "", "link=1", "link=x", "return_to=//evil.example", "return_to=%00"
            ),
            *NOT_PUT,
        ),
    ),
    ("GET", "/api/auth/{provider}/callback"): Row(
        "/api/auth/office/callback",
        by_nobody=True,
        bad=(
            *queries("/api/auth/office/callback", 303, "", *BACK),
            *queries("/api/auth/none/callback", 303, "", *BACK),
            *NOT_PUT,
        ),
    ),
}
OPEN_TO_ALL: Final = {path for (method, path) in TABLE if method == "GET"} - {"/api/auth/identities"}
"""A browser that comes there speaks for nobody yet."""

WITHOUT_A_FAULT: Final = {
    ("GET", "/api/auth/{provider}/login"): 303,
    ("GET", "/api/auth/{provider}/callback"): 303,
    ("DELETE", "/api/auth/identities/{provider}"): 404,
}
