"""The schema tells the truth: every address is in it, and what is answered is of the shapes that it names."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from starlette.routing import Route

from tests.routes.conftest import House, asking, chunks
from tests.support.answers import until_ended
from tests.support.client import Client
from threadline.routes import RESOURCES, model_shapes, pages, shapes
from threadline.routes.openai.errors import speaks
from threadline.routes.site import Site

pytestmark = pytest.mark.anyio
STREAMS = {"GET", "PUT", "POST", "DELETE"}
"""What a stream's address takes; it tells methods apart itself."""
PAGES = {*pages.ADDRESSES, "/assets/{file}", "/{file}", "/docs", "/docs/oauth2-redirect", "/openapi.json"}


async def schema_of(visitor: Client) -> dict[str, Any]:
    schema: dict[str, Any] = await visitor.get("/openapi.json")
    return schema


async def test_every_address_of_the_api_is_in_the_schema(house: House, visitor: Client) -> None:
    paths = (await schema_of(visitor))["paths"]
    told = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    wanted = {(method, re.sub(r":\w+}", "}", path)) for method, path, _, _ in RESOURCES}
    for route in cast("Site", house.app.site).routes:
        if isinstance(route, Route) and route.path not in PAGES:
            path = re.sub(r":\w+}", "}", route.path)
            wanted |= {(method, path) for method in route.methods or STREAMS if method != "HEAD"}
    assert {(method, path) for method, path in told if "/__ds/" not in path} == wanted


async def test_every_operation_says_how_it_fails(visitor: Client) -> None:
    schema = await schema_of(visitor)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert "422" not in responses, (method, path)
            shape = responses["default"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            own = "OpenAIErrorBody" if speaks(path) else "SubscriptionErrorBody" if "/__ds/" in path else "ErrorBody"
            assert shape == own, (method, path)
    assert {"ErrorBody", "ErrorDetail", "Conversation", "Message", "RunView"} <= set(schema["components"]["schemas"])


async def test_every_reference_in_the_schema_leads_somewhere(visitor: Client) -> None:
    schema = await schema_of(visitor)

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [ref for inner in value.values() for ref in references(inner)]
        return [ref for inner in value for ref in references(inner)] if isinstance(value, list) else []

    names = {ref.removeprefix("#/components/schemas/") for ref in references(schema)}
    assert names <= set(schema["components"]["schemas"])


async def test_what_is_answered_is_of_the_shapes_that_are_named(visitor: Client) -> None:
    body = asking("What time is it? Think, and be fast.")
    stream = await visitor.open("POST", "/api/chat", body)
    chat, run = body["id"], stream.headers["x-threadline-run"]
    going = await visitor.get(f"/api/conversations/{chat}/messages")
    shapes.Messages.model_validate(going, strict=True, extra="forbid")
    assert [item["status"] for item in going["runs"]] in (["queued"], ["running"])
    await chunks(stream)
    await until_ended(visitor, run)
    for address, shape in [
        ("/api/me", shapes.Me),
        ("/api/models", model_shapes.Models),
        ("/api/conversations", shapes.Conversations),
        (f"/api/conversations/{chat}", shapes.Conversation),
        (f"/api/conversations/{chat}/messages", shapes.Messages),
        (f"/api/runs/{run}", shapes.RunView),
        ("/readyz", shapes.Health),
    ]:
        shape.model_validate(await visitor.get(address), strict=True, extra="forbid")


async def test_the_docs_are_a_page(house: House) -> None:
    reply = await house.visitor().call("GET", "/docs")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
