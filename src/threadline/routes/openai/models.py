"""``/v1/models``: every model that can answer now."""

from __future__ import annotations

from typing import Any

from starlette.types import Receive, Send

from threadline.domain.errors import MissingKey, NotFound, UnsupportedModel
from threadline.routes.context import Context
from threadline.routes.exchange import Scope
from threadline.routes.openai.answering import program_of, tell


class Models:
    """``GET /v1/models``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """List them."""
        user = (await program_of(self._context, scope)).user
        found = [_model(model.id, model.provider) for model in await self._context.models.usable(user.id)]
        await tell(scope, send, {"object": "list", "data": found})


class OneModel:
    """``GET /v1/models/{model}``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell of one."""
        user = (await program_of(self._context, scope)).user
        try:
            model = await self._context.models.resolve(user.id, scope["path_params"]["model"])
        except (UnsupportedModel, MissingKey) as fault:
            raise NotFound(fault.message, surface="model") from None
        await tell(scope, send, _model(model, model.partition("/")[0]))


def _model(model_id: str, provider: str) -> dict[str, Any]:
    """When it was made is not known here."""
    return {"id": model_id, "object": "model", "created": 0, "owned_by": provider}
