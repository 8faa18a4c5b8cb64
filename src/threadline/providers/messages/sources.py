"""Tells what an answer rests on, as Anthropic's search results and citations name it, each source once."""

from __future__ import annotations

from typing import Any

from threadline.domain.events import Event


class Sources:
    """The sources of one answer."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def found(self, content: Any, out: list[Event]) -> None:
        """The pages that a tool of the provider found: a list of them, or one that it fetched."""
        for one in content if isinstance(content, list) else [content]:
            if isinstance(one, dict) and one.get("type") in ("web_search_result", "web_fetch_result"):
                inner = one.get("content")
                title = one.get("title") or (inner.get("title") if isinstance(inner, dict) else None)
                self._page(one.get("url"), title, out)

    def cited(self, citation: Any, out: list[Event]) -> None:
        """What a piece of text is said to come from."""
        if not isinstance(citation, dict):
            return
        kind = citation.get("type")
        if kind == "web_search_result_location":
            self._page(citation.get("url"), citation.get("title"), out)
        elif kind == "search_result_location":
            source = citation.get("source")
            if isinstance(source, str) and source.startswith(("https://", "http://")):
                self._page(source, citation.get("title"), out)
            else:
                self._document(f"result-{citation.get('search_result_index')}", citation.get("title"), kind, out)
        elif kind in ("page_location", "char_location", "content_block_location"):
            self._document(f"document-{citation.get('document_index')}", citation.get("document_title"), kind, out)

    def _page(self, url: Any, title: Any, out: list[Event]) -> None:
        if isinstance(url, str) and url and self._new(url):
            event: Event = {"type": "source-url", "sourceId": url, "url": url}
            out.append(event | ({"title": title} if isinstance(title, str) and title else {}))

    def _document(self, source: str, title: Any, kind: str, out: list[Event]) -> None:
        if self._new(source):
            out.append(
                {
                    "type": "source-document",
                    "sourceId": source,
                    # Only documents with pages are cited by their pages.
                    "mediaType": "application/pdf" if kind == "page_location" else "text/plain",
                    "title": title if isinstance(title, str) and title else source,
                }
            )

    def _new(self, source: str) -> bool:
        new = source not in self._seen
        self._seen.add(source)
        return new
