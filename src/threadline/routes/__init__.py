"""The whole URL table, and the application that stands on it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from threadline.routes import (
    admin,
    admin_limits,
    auth,
    auth_providers,
    conversations,
    health,
    hosts,
    keys,
    manual,
    me,
    messages,
    models,
    openapi,
    recordings,
    runs,
    shares,
    stop,
    tokens,
    usage,
)
from threadline.routes.body import LimitedRoute
from threadline.routes.chat import Chat
from threadline.routes.chat_socket import ChatSocket
from threadline.routes.chat_stream import ChatStream
from threadline.routes.context import Context
from threadline.routes.durable import PREFIX, DurableStreams
from threadline.routes.durable_chat import DurableChat, DurableChatStream
from threadline.routes.endpoint import Endpoint
from threadline.routes.live import Live
from threadline.routes.openai.completions import Completions
from threadline.routes.openai.models import Models, OneModel
from threadline.routes.openai.responses import Cancel, Create, Inputs, One
from threadline.routes.pages import ADDRESSES, Pages
from threadline.routes.recordings import Record
from threadline.routes.run_events import FeedEvents, RunEvents
from threadline.routes.site import Site, nowhere
from threadline.routes.sockets import Sockets

ONE: Final = "/api/conversations/{conversation_id}"

RESOURCES: Final[list[tuple[str, str, Any, dict[str, Any]]]] = [
    ("GET", "/healthz", health.alive, {}),
    ("GET", "/readyz", health.ready, {}),
    ("GET", "/api/me", me.show, {}),
    ("PATCH", "/api/me", me.change, {}),
    ("DELETE", "/api/me", me.delete, {"status_code": 204}),
    ("POST", "/api/auth/register", auth.register, {"status_code": 201}),
    ("POST", "/api/auth/login", auth.login, {}),
    ("POST", "/api/auth/logout", auth.logout, {"status_code": 204}),
    ("PUT", "/api/auth/password", auth.change_password, {"status_code": 204}),
    ("GET", "/api/auth/sessions", auth.sessions, {}),
    ("DELETE", "/api/auth/sessions", auth.revoke_others, {"status_code": 204}),
    ("DELETE", "/api/auth/sessions/{session_id}", auth.revoke, {"status_code": 204}),
    ("GET", "/api/auth/providers", auth_providers.listing, {}),
    ("GET", "/api/auth/errors", auth_providers.failures, {}),
    ("GET", "/api/auth/errors/{code}", auth_providers.failure, {}),
    ("GET", "/api/auth/identities", auth_providers.identities, {}),
    ("DELETE", "/api/auth/identities/{provider}", auth_providers.unlink, {"status_code": 204}),
    ("GET", "/api/auth/{provider}/login", auth_providers.begin, auth_providers.LEADS_ON),
    ("GET", "/api/auth/{provider}/callback", auth_providers.finish, auth_providers.LEADS_ON),
    ("GET", "/api/models", models.listing, {}),
    ("GET", "/api/models/validate", models.validate, {}),
    ("PUT", "/api/models/favourites", models.favour, {"status_code": 204}),
    ("DELETE", "/api/models/favourites", models.unfavour, {"status_code": 204}),
    ("GET", "/api/models/slots", models.slots, {}),
    ("PUT", "/api/models/slots", models.choose, {}),
    ("GET", "/api/keys", keys.listing, {}),
    ("GET", "/api/keys/providers", keys.providers, {}),
    ("PUT", "/api/keys/{provider:provider}", keys.put, {}),
    ("DELETE", "/api/keys/{provider:provider}", keys.remove, {"status_code": 204}),
    ("POST", "/api/keys/{provider:provider}/test", keys.try_out, {}),
    ("GET", "/api/tokens", tokens.listing, {}),
    ("POST", "/api/tokens", tokens.create, {"status_code": 201}),
    ("DELETE", "/api/tokens/{token_id}", tokens.revoke, {"status_code": 204}),
    ("GET", "/api/conversations", conversations.listing, {}),
    ("POST", "/api/conversations", conversations.create, {"status_code": 201}),
    ("DELETE", "/api/conversations", conversations.delete_all, {"status_code": 204}),
    ("GET", ONE, conversations.show, {}),
    ("PATCH", ONE, conversations.change, {}),
    ("DELETE", ONE, conversations.delete, {"status_code": 204}),
    ("GET", f"{ONE}/messages", messages.listing, {"responses": openapi.MESSAGES}),
    ("GET", f"{ONE}/shares", shares.listing, {}),
    ("POST", f"{ONE}/shares", shares.create, {"status_code": 201}),
    ("DELETE", f"{ONE}/shares/{{share_id}}", shares.revoke, {"status_code": 204}),
    ("GET", f"{ONE}/participants", shares.participants, {}),
    ("DELETE", f"{ONE}/participants/{{user_id}}", shares.remove, {"status_code": 204}),
    ("GET", "/api/shares/{token}", shares.preview, {}),
    ("POST", "/api/shares/{token}/accept", shares.accept, {}),
    ("POST", "/api/chat/{conversation_id}/stop", stop.stop, {}),
    ("GET", "/api/runs/{run_id}", runs.show, {}),
    ("POST", "/api/recordings", recordings.begin, {"status_code": 201, "responses": recordings.AGAIN}),
    ("GET", "/api/admin/users", admin.users, {}),
    ("PATCH", "/api/admin/users/{user_id}", admin.change, {}),
    ("DELETE", "/api/admin/users/{user_id}", admin.delete, {"status_code": 204}),
    ("GET", "/api/admin/usage", admin.usage, {}),
    ("GET", "/api/admin/usage/users", admin.spenders, {}),
    ("GET", "/api/admin/audit", admin.audit, {}),
    ("GET", "/api/admin/limits", admin_limits.listing, {}),
    ("PUT", "/api/admin/limits", admin_limits.put, {}),
    ("DELETE", "/api/admin/limits", admin_limits.delete, {"status_code": 204}),
    ("GET", "/api/usage", usage.show, {}),
]


def raw(context: Context, pages: Pages, streams: DurableStreams) -> list[Route | WebSocketRoute]:
    """Streams and pages, which speak ASGI themselves."""
    sockets = Sockets(context)
    return [
        Route("/api/chat", Chat(context), methods=["POST"]),
        WebSocketRoute("/api/chat/ws", ChatSocket(sockets)),
        Route("/api/chat/{chat_id}/stream", ChatStream(context), methods=["GET"]),
        Route("/api/durable/chat", DurableChat(context), methods=["POST"]),
        Route("/api/durable/chat/{chat_id}/stream", DurableChatStream(context), methods=["GET"]),
        Route("/api/runs/{run_id}/events", RunEvents(context), methods=["GET"]),
        Route("/api/runs/{run_id}/events", Record(context), methods=["POST"]),
        Route("/api/feed/events", FeedEvents(context), methods=["GET"]),
        WebSocketRoute("/api/live", Live(sockets)),
        Route(PREFIX + "{path:path}", streams),
        Route("/v1/responses", Create(context), methods=["POST"]),
        Route("/v1/responses/{response_id}", One(context), methods=["GET", "DELETE"]),
        Route("/v1/responses/{response_id}/cancel", Cancel(context), methods=["POST"]),
        Route("/v1/responses/{response_id}/input_items", Inputs(context), methods=["GET"]),
        Route("/v1/chat/completions", Completions(context), methods=["POST"]),
        Route("/v1/models", Models(context), methods=["GET"]),
        Route("/v1/models/{model:path}", OneModel(context), methods=["GET"]),
        *(Route(address, Endpoint(pages.page), methods=["GET"]) for address in ADDRESSES),
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
    context.accounts.watch(context.pulse.look)
    context.tokens.watch(context.pulse.look)
    pages, streams = Pages(context.static), DurableStreams(context)
    api.router.routes.extend(raw(context, pages, streams))

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        if not await pages.nothing(scope, send):
            await nowhere(scope, receive, send)

    api.router.default = elsewhere
    openapi.complete(api)
    inside = AsyncExitStackMiddleware(api.router)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        # Appends come by the thousand, and the way through the table costs as much as they do.
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await streams(scope, receive, send)
            return
        # Not through FastAPI's own door: its layers wrap every send of a stream, and errors are answered by the site.
        scope["app"] = api
        await inside(scope, receive, send)

    names = hosts.names(context.host, context.origins)
    return Site(application, api.router.routes, context.origins, names, context.world, context.proxies)
