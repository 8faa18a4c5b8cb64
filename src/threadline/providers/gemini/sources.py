"""Tells what an answer rests on, as Google's metadata names it, each source once."""

from __future__ import annotations

from typing import Any, Final

from threadline.domain.events import Event
from threadline.providers.decoding import table

_TYPES: Final = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_WEB: Final = ("https://", "http://")


class Sources:
    """The sources of one answer: its metadata comes in pieces, of which later ones repeat earlier ones.

    ``queries`` are what the provider searched the web for, and ``pages`` what it found there.
    """

    __slots__ = ("_seen", "pages", "queries")

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.queries: list[str] = []
        self.pages: list[dict[str, str]] = []

    def take(self, candidate: dict[str, Any], out: list[Event]) -> None:
        """Take the metadata that stands beside the content of an answer."""
        grounding = table(candidate.get("groundingMetadata"))
        for query in grounding.get("webSearchQueries") or ():
            if isinstance(query, str) and query.strip() and query not in self.queries:
                self.queries.append(query)
        for chunk in grounding.get("groundingChunks") or ():
            self._found(table(chunk), out)
        for page in table(candidate.get("urlContextMetadata")).get("urlMetadata") or ():
            if table(page).get("urlRetrievalStatus") == "URL_RETRIEVAL_STATUS_SUCCESS":
                self._page(page.get("retrievedUrl"), None, out)
        cited = table(candidate.get("citationMetadata"))
        for citation in cited.get("citationSources") or cited.get("citations") or ():
            self._page(table(citation).get("uri"), table(citation).get("title"), out)

    def _found(self, chunk: dict[str, Any], out: list[Event]) -> None:
        web, image, place = table(chunk.get("web")), table(chunk.get("image")), table(chunk.get("maps"))
        if self._page(web.get("uri"), web.get("title"), out):
            self.pages.append({name: web[name] for name in ("uri", "title") if isinstance(web.get(name), str)})
        self._page(image.get("sourceUri"), image.get("title"), out)
        self._page(place.get("uri"), place.get("title"), out)
        context = table(chunk.get("retrievedContext"))
        where = context.get("uri") or context.get("fileSearchStore")
        if isinstance(where, str) and where.startswith(_WEB):
            self._page(where, context.get("title"), out)
        elif isinstance(where, str) and where:
            self._document(where, context.get("title"), out)

    def _page(self, url: Any, title: Any, out: list[Event]) -> bool:
        if not isinstance(url, str) or not url or not self._new(url):
            return False
        event: Event = {"type": "source-url", "sourceId": url, "url": url}
        out.append(event | ({"title": title} if isinstance(title, str) and title else {}))
        return True

    def _document(self, where: str, title: Any, out: list[Event]) -> None:
        """A document of a store, of which several may have the store's name alone."""
        name = title if isinstance(title, str) and title else where.rpartition("/")[2] or where
        if self._new(f"{where} {name}"):
            ending = "." + name.rpartition(".")[2].lower()
            kind = _TYPES.get(ending, "application/octet-stream")
            out.append({"type": "source-document", "sourceId": where, "mediaType": kind, "title": name})

    def _new(self, source: str) -> bool:
        new = source not in self._seen
        self._seen.add(source)
        return new
