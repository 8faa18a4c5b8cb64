"""The whole URL table, and the application that stands on it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from threadline.routes import conversations, health, hosts, manual, me, messages, models, openapi, runs, stop
from threadline.routes.body import LimitedRoute
from threadline.routes.chat import Chat
from threadline.routes.chat_stream import ChatStream
from threadline.routes.context import Context
from threadline.routes.endpoint import Endpoint
from threadline.routes.live import Live
from threadline.routes.pages import Pages
from threadline.routes.run_events import FeedEvents, RunEvents
from threadline.routes.site import Site, nowhere

ONE: Final = "/api/conversations/{conversation_id}"

RESOURCES: Final[list[tuple[str, str, Any, dict[str, Any]]]] = [
    ("GET", "/healthz", health.alive, {}),
    ("GET", "/readyz", health.ready, {}),
    ("GET", "/api/me", me.show, {}),
    ("GET", "/api/models", models.listing, {}),
    ("GET", "/api/conversations", conversations.listing, {}),
    ("POST", "/api/conversations", conversations.create, {"status_code": 201}),
    ("DELETE", "/api/conversations", conversations.delete_all, {"status_code": 204}),
    ("GET", ONE, conversations.show, {}),
    ("PATCH", ONE, conversations.change, {}),
    ("DELETE", ONE, conversations.delete, {"status_code": 204}),
    ("GET", f"{ONE}/messages", messages.listing, {"responses": openapi.MESSAGES}),
    ("POST", "/api/chat/{conversation_id}/stop", stop.stop, {}),
    ("GET", "/api/runs/{run_id}", runs.show, {}),
]


def raw(context: Context) -> list[Route | WebSocketRoute]:
    """Streams and pages, which speak ASGI themselves."""
    pages = Pages(context.static)
    return [
        Route("/api/chat", Chat(context), methods=["POST"]),
        Route("/api/chat/{chat_id}/stream", ChatStream(context), methods=["GET"]),
        Route("/api/runs/{run_id}/events", RunEvents(context), methods=["GET"]),
        Route("/api/feed/events", FeedEvents(context), methods=["GET"]),
        WebSocketRoute("/api/live", Live(context)),
        Route("/", Endpoint(pages.page), methods=["GET"]),
        Route("/chat/{chat_id}", Endpoint(pages.page), methods=["GET"]),
        Route("/assets/{file}", Endpoint(pages.asset), methods=["GET"]),
        Route("/{file}", Endpoint(pages.asset), methods=["GET"]),
    ]


def build(context: Context, version: str) -> ASGIApp:
    """The application: every address that is answered, behind the one door."""
    api = FastAPI(title="Threadline", version=version, docs_url=None, redoc_url=None, redirect_slashes=False)
    api.state.context = context
    router = APIRouter(route_class=LimitedRoute)
    for method, path, handler, more in RESOURCES:
        router.add_api_route(path, handler, methods=[method], **more)
        if method == "GET":
            router.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False)
    api.include_router(router)
    manual.serve(api)
    api.router.routes.extend(raw(context))
    api.router.default = nowhere
    openapi.complete(api)
    inside = AsyncExitStackMiddleware(api.router)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        # Not through FastAPI's own door: its layers wrap every send of a stream, and errors are answered by the site.
        scope["app"] = api
        await inside(scope, receive, send)

    names = hosts.names(context.host, context.origins)
    return Site(application, api.router.routes, context.origins, names, context.world)
