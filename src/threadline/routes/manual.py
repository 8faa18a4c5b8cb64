"""``/docs``: the API for people to read, made from the schema alone; it needs no script and nobody else's server."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_STYLE: Final = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "body{color:#222;background:#fcfbf8}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#191817}pre{background:#262422!important}}"
    "h2{margin:2.5rem 0 .5rem;font-size:1.05rem}code,pre{font:13px/1.5 ui-monospace,monospace}"
    "pre{background:#f1efe9;padding:.75rem;border-radius:.5rem;overflow:auto}table{border-spacing:0 .2rem}"
    "td{padding-right:1.5rem;vertical-align:top}"
)
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def manual(schema: dict[str, Any]) -> str:
    """The page for an OpenAPI schema: every operation with its parameters, its body and its answers."""
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    shown = [
        _operation(method, path, item[method])
        for path, item in schema["paths"].items()
        for method in _METHODS
        if method in item
    ]
    schemas = "".join(
        f'<h2 id="{escape(name)}">{escape(name)}</h2>{_json(body)}'
        for name, body in schema.get("components", {}).get("schemas", {}).items()
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=width=device-width>"
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>{"".join(shown)}'
        f"<h1>Schemas</h1>{schemas}</html>"
    )


def serve(api: FastAPI) -> None:
    """Put the page at ``/docs``."""

    async def docs() -> HTMLResponse:
        return HTMLResponse(manual(api.openapi()))

    api.add_api_route("/docs", docs, methods=["GET", "HEAD"], include_in_schema=False)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    words = operation.get("description") or operation.get("summary") or ""
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code><td>{escape(one['in'])}<td>{escape(one.get('description', ''))}"
        for one in operation.get("parameters", [])
    )
    body = _content("Body", operation.get("requestBody", {}))
    answers = "".join(_content(code, answer) for code, answer in operation.get("responses", {}).items())
    table = f"<table>{rows}</table>" if rows else ""
    return f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(words)}</p>{table}{body}{answers}"


def _content(label: str, holder: dict[str, Any]) -> str:
    if not holder:
        return ""
    kinds = ", ".join(f"{kind}{_named(media)}" for kind, media in holder.get("content", {}).items())
    return f"<p><b>{escape(label)}</b> {escape(holder.get('description', ''))} {kinds}</p>"


def _named(media: dict[str, Any]) -> str:
    name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f': <a href="#{escape(name)}">{escape(name)}</a>' if name else ""


def _json(value: Any) -> str:
    return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"
