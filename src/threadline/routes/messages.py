"""``/api/conversations/{id}/messages``: the tree of a conversation."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import Query, Response

from threadline.routes.conversations import ConversationId, Cursor
from threadline.routes.identity import Services, User


async def listing(
    context: Services,
    user: User,
    conversation_id: ConversationId,
    cursor: Cursor = None,
    limit: Annotated[int | None, Query(ge=1, le=2000, description="How many at the most; 1000 without it.")] = None,
) -> Response:
    """Every message of every branch in order of creation, and the runs that have not ended."""
    found = await context.conversations.messages(user.id, conversation_id, cursor=cursor, limit=limit)
    # A thousand messages are not checked against the schema on every reading; a test does that once.
    return Response(orjson.dumps(found), media_type="application/json")
