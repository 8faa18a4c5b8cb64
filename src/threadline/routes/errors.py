"""The one place where errors become answers: everything that fails, fails in one shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from threadline.domain.errors import (
    BadRequest,
    Forbidden,
    NotAllowed,
    NotFound,
    ThreadlineError,
    TooLarge,
    Unauthorized,
    Unavailable,
    error_body,
)
from threadline.routes.exchange import Exchange, Headers
from threadline.routes.replies import JSON, NO_STORE, length, number

log = logging.getLogger(__name__)

_BY_STATUS: Final[Mapping[int, type[ThreadlineError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: NotAllowed,
    413: TooLarge,
    503: Unavailable,
}


def to_error(fault: BaseException) -> ThreadlineError:
    """The error of our own tree that stands for ``fault``; what is none of ours tells nothing of itself."""
    if isinstance(fault, ThreadlineError):
        return fault
    if isinstance(fault, RequestValidationError):
        return _invalid(fault)
    if isinstance(fault, HTTPException):
        return _BY_STATUS.get(fault.status_code, BadRequest if fault.status_code < 500 else ThreadlineError)()
    return ThreadlineError()


def note(fault: BaseException, request_id: str, where: str) -> None:
    """Write an error to the log where it is ours to mend; with its trace where nobody raised it on purpose."""
    if not isinstance(fault, ThreadlineError | RequestValidationError | HTTPException):
        log.error("%s failed", where, exc_info=fault, extra={"request_id": request_id})
    elif isinstance(fault, ThreadlineError) and fault.status >= 500:
        log.warning("%s: %s", where, fault.code, extra={"request_id": request_id})


def answer(error: ThreadlineError, exchange: Exchange) -> tuple[Headers, bytes]:
    """Headers and body of an error's answer; the status is ``error.status``."""
    return dressed(error, error_body(error, exchange.request_id))


def dressed(error: ThreadlineError, told: dict[str, Any]) -> tuple[Headers, bytes]:
    """The same of an error that is told in another shape."""
    body = orjson.dumps(told, default=str)
    headers: Headers = [JSON, length(body), NO_STORE]
    if error.retry_after is not None:
        headers.append(number(b"retry-after", max(1, round(error.retry_after))))
    return headers, body


def inner(error: ThreadlineError, request_id: str) -> dict[str, Any]:
    """The object inside the one shape, for transports that frame it themselves."""
    found: dict[str, Any] = error_body(error, request_id)["error"]
    return found


def _invalid(fault: RequestValidationError) -> BadRequest:
    """Says what is wrong and where; never repeats what was sent."""
    problems = []
    for problem in fault.errors():
        place = ".".join(str(step) for step in problem["loc"])
        problems.append({"where": place, "problem": problem["msg"]})
    first = problems[0] if problems else {"where": "body", "problem": "is not valid"}
    return BadRequest(f"{first['where']}: {first['problem']}", details={"problems": problems})
