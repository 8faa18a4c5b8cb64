"""The built page: its one document for every address of its own, and the files that it loads."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import NotFound
from threadline.routes.exchange import Headers, header
from threadline.routes.replies import reply

ADDRESSES: Final = (
    "/",
    "/chat/{chat_id}",
    "/login",
    "/register",
    "/auth/error",
    "/settings",
    "/settings/{tab}",
    "/admin",
    "/admin/{tab}",
    "/share/{token}",
)
"""Where the page is; it finds out by itself what to show there."""

_HASHED: Final = "/assets/"
_FOR_PROGRAMS: Final = ("/api/", "/v1/", _HASHED)
_FOR_EVER: Final = b"public, max-age=31536000, immutable"
_COMPRESSIBLE: Final = ("text/", "application/javascript", "application/json", "image/svg+xml", "application/manifest")
_NOT_BUILT: Final = (
    "Threadline is running, but its page is not built.\n\n"
    "Run `make setup` in the project's folder and load this address again.\n"
    "The API works without it: see /docs.\n"
)
_GUARDS: Final[Headers] = [
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src * data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
]
"""No script but the page's own, whatever an answer says. Pictures may be elsewhere: the page asks before it loads one.
What draws code and formulas sets styles."""


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]
    data: bytes
    small: bytes | None
    kind: bytes
    etag: bytes


class Pages:
    """Files out of one folder, kept in memory once they were asked for; a file that changes on disk is read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The one document, for each of :data:`ADDRESSES`."""
        try:
            file = await self._load("index.html")
        except NotFound:
            kind = (b"content-type", b"text/plain; charset=utf-8")
            await reply(send, 200, [kind], _NOT_BUILT.encode(), only_head=scope["method"] == "HEAD")
            return
        await _serve(scope, send, file, b"no-cache")

    async def asset(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file beside the page. Those under ``/assets/`` carry a hash of their content in their name."""
        path = scope["path"]
        try:
            file = await self._load(path.lstrip("/"))
        except NotFound:
            if await self.nothing(scope, send):
                return
            raise
        await _serve(scope, send, file, _FOR_EVER if path.startswith(_HASHED) else b"no-cache")

    async def nothing(self, scope: Scope, send: Send) -> bool:
        """Where a person went to an address that is not there: the page, which says so, with status 404. Returns
        whether that was the case; a program is told by the caller."""
        if not _is_visit(scope):
            return False
        try:
            file = await self._load("index.html")
        except NotFound:
            return False
        await _serve(scope, send, file, b"no-cache", status=404)
        return True

    async def _load(self, name: str) -> _File:
        known = self._files.get(name)
        stamp = self._stamp(name)
        if known is None or known.stamp != stamp:
            known = await asyncio.to_thread(self._read, name, stamp)
            self._files[name] = known
        return known

    def _stamp(self, name: str) -> tuple[int, int]:
        """When a file was changed, and its size. Raises ``NotFound`` for what is no file inside the folder."""
        try:
            if not self._inside(self._folder / name):
                raise NotFound(surface="page")
            stat = (self._folder / name).stat()
        except (OSError, ValueError):
            raise NotFound(surface="page") from None
        return stat.st_mtime_ns, stat.st_size

    def _inside(self, path: Path) -> bool:
        resolved = path.resolve()
        return resolved.is_relative_to(self._folder.resolve()) and resolved.is_file()

    def _read(self, name: str, stamp: tuple[int, int]) -> _File:
        data = (self._folder / name).read_bytes()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if kind == "text/javascript":
            kind = "application/javascript"
        small = gzip.compress(data, 6, mtime=0) if kind.startswith(_COMPRESSIBLE) and len(data) > 1024 else None
        named = f"{kind}; charset=utf-8" if kind.startswith(("text/", "application/javascript")) else kind
        etag = hashlib.sha256(data).hexdigest()[:24]
        return _File(stamp, data, small, named.encode(), f'"{etag}"'.encode())


def _is_visit(scope: Scope) -> bool:
    """Whether a browser is being led here by a person: only then does it ask for HTML by name."""
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or scope["path"].startswith(_FOR_PROGRAMS):
        return False
    return "text/html" in (header(scope, b"accept") or "")


async def _serve(scope: Scope, send: Send, file: _File, cache: bytes, status: int = 200) -> None:
    headers: Headers = [(b"content-type", file.kind), (b"cache-control", cache), (b"etag", file.etag), *_GUARDS]
    if status == 200 and file.etag.decode() in (header(scope, b"if-none-match") or ""):
        await reply(send, 304, headers)
        return
    data = file.data
    if file.small is not None:
        headers.append((b"vary", b"accept-encoding"))
        if "gzip" in (header(scope, b"accept-encoding") or ""):
            headers.append((b"content-encoding", b"gzip"))
            data = file.small
    await reply(send, status, headers, data, only_head=scope["method"] == "HEAD")
