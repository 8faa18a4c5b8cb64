"""``/api/conversations``: make, list, search, name and delete."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Path, Query, Request

from threadline.routes import shapes
from threadline.routes.identity import Services, User
from threadline.routes.proxies import visit_of
from threadline.services.conversations import Patch

ConversationId = Annotated[str, Path(description="A conversation's id.", max_length=200)]
Cursor = Annotated[str | None, Query(description="The `next` of the page before.", max_length=500)]


async def listing(
    context: Services,
    user: User,
    cursor: Cursor = None,
    limit: Annotated[int | None, Query(ge=1, le=200, description="How many at the most; 50 without it.")] = None,
    q: Annotated[str | None, Query(max_length=500, description="Only those whose title holds this.")] = None,
) -> shapes.Conversations:
    """Your conversations and those that you were let into, newest activity first."""
    found = await context.conversations.page(user.id, cursor=cursor, limit=limit, words=(q or "").strip() or None)
    return shapes.Conversations.model_validate(found)


async def create(context: Services, user: User, wanted: shapes.NewConversation | None = None) -> shapes.Conversation:
    """A new conversation."""
    new = wanted or shapes.NewConversation()
    if new.model is not None:
        await context.models.check(user.id, new.model)
    made = await context.conversations.create(user.id, title=new.title, model=new.model)
    return shapes.Conversation.model_validate(made)


async def show(context: Services, user: User, conversation_id: ConversationId) -> shapes.Conversation:
    """One conversation."""
    return shapes.Conversation.model_validate(await context.conversations.get(user.id, conversation_id))


async def change(
    request: Request, context: Services, user: User, conversation_id: ConversationId, patch: shapes.ConversationPatch
) -> shapes.Conversation:
    """Rename it, or set its model, the defaults of its settings, who may see it, or its leaf."""
    wanted = cast("Patch", patch.model_dump(exclude_unset=True))
    model = wanted.get("model")
    if model is not None:
        await context.models.check(user.id, model)
    address = visit_of(request.scope).address
    changed = await context.conversations.change(user.id, conversation_id, wanted, address=address)
    return shapes.Conversation.model_validate(changed)


async def delete(context: Services, user: User, conversation_id: ConversationId) -> None:
    """Delete it; what is being written in it ends. Another's is only left."""
    await context.conversations.delete(user.id, conversation_id)


async def delete_all(context: Services, user: User) -> None:
    """Delete all your conversations, and leave those of others."""
    await context.conversations.delete_all(user.id)
