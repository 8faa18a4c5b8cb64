"""``/api/tokens``: the access tokens of the user who asks; made and revoked by himself alone, never by a program."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request

from threadline.routes import token_shapes as shapes
from threadline.routes.identity import Services, SignedIn
from threadline.routes.proxies import visit_of
from threadline.services.tokens import TokenRow, Wanted

TokenId = Annotated[str, Path(description="The id of a token.", max_length=200)]


async def listing(context: Services, asker: SignedIn) -> shapes.Tokens:
    """Your access tokens. One that is over stays here for a month."""
    return shapes.Tokens.model_validate({"items": [_shown(row) for row in await context.tokens.of_user(asker.user.id)]})


async def create(context: Services, asker: SignedIn, request: Request, asked: shapes.NewToken) -> shapes.MadeToken:
    """Make one; it is shown this once."""
    wanted = Wanted(asked.name, tuple(asked.scopes), asked.expires_in_days)
    made = await context.tokens.create(asker.user.id, wanted, address=visit_of(request.scope).address)
    return shapes.MadeToken.model_validate({**_shown(made.row), "token": made.token})


async def revoke(context: Services, asker: SignedIn, request: Request, token_id: TokenId) -> None:
    """Make it worthless, at once: what it keeps open ends."""
    await context.tokens.revoke(token_id, asker.user.id, address=visit_of(request.scope).address)


def _shown(row: TokenRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "scopes": row.scopes.split(),
        "created_at": row.created_at,
        "used_at": row.used_at,
        "expires_at": row.expires_at,
    }
