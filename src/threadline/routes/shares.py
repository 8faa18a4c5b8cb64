"""``/api/conversations/{id}/shares``, ``…/participants`` and ``/api/shares/{token}``: let others in, and out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request

from threadline.routes import share_shapes as shapes
from threadline.routes.conversations import ConversationId
from threadline.routes.identity import Services, User
from threadline.routes.proxies import visit_of

ShareId = Annotated[str, Path(description="The id of a link.", max_length=200)]
UserId = Annotated[str, Path(description="The id of somebody who is in.", max_length=200)]
Token = Annotated[str, Path(description="What is in a link.", max_length=200)]


async def listing(context: Services, user: User, conversation_id: ConversationId) -> shapes.Shares:
    """The links to a conversation of yours."""
    return shapes.Shares.model_validate(await context.sharing.shares(user.id, conversation_id))


async def create(
    request: Request, context: Services, user: User, conversation_id: ConversationId, wanted: shapes.NewShare
) -> shapes.MadeShare:
    """Make a link; what is in it is shown this once."""
    made = await context.sharing.share(
        user.id,
        conversation_id,
        wanted.role,
        email=wanted.email,
        days=wanted.expires_in_days,
        address=visit_of(request.scope).address,
    )
    return shapes.MadeShare.model_validate(made)


async def revoke(
    request: Request, context: Services, user: User, conversation_id: ConversationId, share_id: ShareId
) -> None:
    """Revoke it: those who came by it are out at once."""
    await context.sharing.revoke(user.id, conversation_id, share_id, address=visit_of(request.scope).address)


async def participants(context: Services, user: User, conversation_id: ConversationId) -> shapes.Participants:
    """The owner, and who is in. Who only reads is shown those who write, and himself."""
    return shapes.Participants.model_validate(await context.sharing.participants(user.id, conversation_id))


async def remove(
    request: Request, context: Services, user: User, conversation_id: ConversationId, user_id: UserId
) -> None:
    """Let one out: the owner anybody, and anybody himself."""
    await context.sharing.remove(user.id, conversation_id, user_id, address=visit_of(request.scope).address)


async def preview(context: Services, user: User, token: Token) -> shapes.Invitation:
    """What a link leads to."""
    return shapes.Invitation.model_validate(await context.sharing.preview(user.id, token))


async def accept(request: Request, context: Services, user: User, token: Token) -> shapes.Accepted:
    """Come in by it; twice is as once."""
    found = await context.sharing.accept(user.id, token, address=visit_of(request.scope).address)
    return shapes.Accepted.model_validate(found)
