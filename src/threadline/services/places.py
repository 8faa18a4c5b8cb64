"""Places: where a message and its answer belong in a conversation's tree, for all who write there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from threadline.domain.errors import BadRequest, NotFound
from threadline.domain.ids import is_reserved
from threadline.services.access import writable
from threadline.services.submits import Submit, digest, user_parts
from threadline.store import conversations, messages, runs
from threadline.store.conversations import ConversationRow, NewConversation
from threadline.store.messages import NewMessage
from threadline.store.runs import NewRun, RunRow
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Ids:
    """Made in the order in which the tree is listed: a question sorts before its answer."""

    question: str
    answer: str
    run: str


def conversation_of(tx: Tx, user_id: str, submit: Submit, leaf_id: str) -> tuple[ConversationRow, bool]:
    """The conversation that is meant, and whether it is new; its answer will be ``leaf_id``. Raises ``NotFound``, and
    ``Forbidden`` where he may only read it."""
    found = conversations.find(tx, submit.chat_id)
    if found is not None:
        return writable(tx, user_id, found), False
    if is_reserved(submit.chat_id):
        raise NotFound(
            "There is no such conversation. Ids that begin like ours are made by the server.", surface="chat"
        )
    if submit.trigger == "regenerate-message":
        raise NotFound(surface="conversation")
    new = NewConversation(user_id, id=submit.chat_id, model=submit.model, leaf_id=leaf_id)
    # It has no leaf yet for the question to hang below.
    return replace(conversations.add(tx, new), leaf_id=None), True


def author_of(conversation: ConversationRow, user_id: str) -> str | None:
    """Who writes, where it is not the owner."""
    return None if conversation.user_id == user_id else user_id


def question_of(tx: Tx, user_id: str, conversation: ConversationRow, submit: Submit, message_id: str) -> NewMessage:
    """The user's message, in its place. Raises ``BadRequest``, ``NotFound`` and ``TooLarge``."""
    parts = user_parts(submit.message)
    client_id = (submit.message or {}).get("id")
    return NewMessage(
        conversation.id,
        "user",
        parts,
        parent_id=parent_of(tx, conversation, submit),
        client_id=client_id if isinstance(client_id, str) and client_id else None,
        digest=digest(parts),
        id=message_id,
        author_id=author_of(conversation, user_id),
    )


def parent_of(tx: Tx, conversation: ConversationRow, submit: Submit) -> str | None:
    """Where a user's message belongs in the tree."""
    if submit.message_id is not None:
        edited = messages.find(tx, conversation.id, submit.message_id)
        if edited is not None and edited.role == "user":
            return edited.parent_id
        if edited is not None or submit.message_id != (submit.message or {}).get("id"):
            raise NotFound("There is no such message to edit.", surface="message")
    if submit.parent_id is not None:
        parent = messages.find(tx, conversation.id, submit.parent_id)
        if parent is None:
            raise NotFound("There is no such message to go on from.", surface="message")
        if parent.role == "user":
            raise BadRequest("A message is sent below an answer, not below another message.", surface="chat")
        return parent.id
    return conversation.leaf_id


def unwritten(tx: Tx, message_id: str) -> RunRow | None:
    """The run of the nearest answer that is not written yet, at ``message_id`` or anywhere above it.

    A run ends after those above it, but for one that was stopped before its turn: that one tells what it waited for.
    """
    run = runs.by_message(tx, message_id)
    return unended(tx, run.id) if run is not None else None


def unended(tx: Tx, run_id: str | None) -> RunRow | None:
    """This run, or the nearest that it waited for, which has not ended."""
    run = runs.get(tx, run_id) if run_id is not None else None
    while run is not None and run.ended:
        run = runs.get(tx, run.after_run_id) if run.after_run_id is not None else None
    return run


def nodes_of(run: NewRun, ids: Ids, question: NewMessage | None) -> list[NewMessage]:
    """The question, where it is new, and the place of its answer."""
    answer = NewMessage(run.conversation_id, "assistant", None, parent_id=run.parent_id, run_id=ids.run, id=ids.answer)
    return [answer] if question is None else [question, answer]
