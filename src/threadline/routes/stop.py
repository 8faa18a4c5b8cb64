"""``POST /api/chat/{id}/stop``: end an answer, from anywhere; what came of its text is kept."""

from __future__ import annotations

from threadline.routes import shapes
from threadline.routes.conversations import ConversationId
from threadline.routes.identity import Services, User


async def stop(
    context: Services, user: User, conversation_id: ConversationId, which: shapes.Stop | None = None
) -> shapes.Stopped:
    """Stop the run that is named, or the one that is active."""
    run_id = which.run if which else None
    return shapes.Stopped(stopped=await context.turns.stop(user.id, conversation_id, run_id))
