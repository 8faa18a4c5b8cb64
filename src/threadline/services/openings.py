"""How a recording is opened: what may be asked, and where it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from threadline.domain.errors import BadRequest, Conflict, Forbidden, NotFound
from threadline.domain.messages import text_of
from threadline.domain.naming import first_words
from threadline.domain.texts import names
from threadline.services import audience
from threadline.services.answers import run_view
from threadline.services.conversations import message_view, told_of
from threadline.services.places import Ids, conversation_of, nodes_of, question_of, unwritten
from threadline.services.submits import Submit, check, digest, user_parts
from threadline.store import conversations, messages, recordings, runs
from threadline.store.conversations import ConversationRow, NewConversation
from threadline.store.messages import MessageRow, NewMessage
from threadline.store.recordings import KIND
from threadline.store.runs import NewRun, RunRow
from threadline.store.transaction import Tx

LEAST_SECONDS: Final = 5.0
MOST_SECONDS: Final = 3600.0

_LONGEST: Final = 200
_TITLE_CHARACTERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Opening:
    """What a program asks for. ``message`` is the user's, ``{id?, role, parts}``; without it the answer hangs below
    ``parent_id``, any message, or where the conversation is. With it, ``parent_id`` is the answer that it goes on
    from. ``chat_id`` None: a new conversation. ``model`` is what the program says it is. ``key`` finds the run again.
    ``seconds``: after how long a silence the run has lost its program (None: the server's setting)."""

    chat_id: str | None = None
    message: dict[str, Any] | None = None
    parent_id: str | None = None
    model: str = "program"
    key: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The run; ``duplicate``: it was there already. ``text`` and ``next_offset`` are how far its answer has come, and
    ``open_parts``, each ``{id, type}``, what streams yet."""

    run: RunRow
    duplicate: bool
    text: str = ""
    next_offset: int = 1
    open_parts: Sequence[dict[str, str]] = ()

    @property
    def writable(self) -> bool:
        """Whether its program may write it now."""
        return recordings.writable(self.run)

    @property
    def epoch(self) -> int:
        """The program's own; of a run that cannot be written any more, one that nobody has written under."""
        return self.run.epoch if self.writable else self.run.epoch + 1


def check_opening(opening: Opening) -> None:
    """Raises ``BadRequest`` and ``TooLarge`` for what could never be opened."""
    check(_submit(opening, opening.chat_id or "new"))
    if opening.message is not None:
        user_parts(opening.message)
    for name, value in (("model", opening.model), ("key", opening.key)):
        if value is not None and not (names(value) and len(value) <= _LONGEST):
            words = f"A recording's {name} has 1 to {_LONGEST} characters, and no control characters."
            raise BadRequest(words, surface="recording")
    if opening.seconds is not None and not LEAST_SECONDS <= opening.seconds <= MOST_SECONDS:
        raise BadRequest(
            f"timeout_seconds is a number from {LEAST_SECONDS:g} to {MOST_SECONDS:g}.", surface="recording"
        )


def place(tx: Tx, user_id: str, opening: Opening, seconds: float) -> Opened:
    """Write the message and the run down. Raises ``BadRequest``, ``Conflict`` and ``NotFound``."""
    found = _by_key(tx, user_id, opening) or _by_message(tx, user_id, opening)
    if found is not None:
        return Opened(recordings.reopen(tx, found.id), duplicate=True)
    ids = Ids(tx.new_id("msg"), tx.new_id("msg"), tx.new_id("run"))
    conversation, is_new = _conversation(tx, user_id, opening, ids.answer)
    question, above = _above(tx, conversation, opening, ids.question)
    after = unwritten(tx, above) if above is not None else None
    wanted = NewRun(
        conversation_id=conversation.id,
        user_id=user_id,
        message_id=ids.answer,
        parent_id=ids.question if question is not None else above or "",
        model=opening.model,
        settings={},
        after_run_id=after.id if after is not None else None,
    )
    rows = messages.add_all(tx, nodes_of(wanted, ids, question))
    run = recordings.insert(tx, ids.run, wanted, seconds, opening.key)
    conversations.write_to(tx, conversation.id, ids.answer, conversation.model)
    if question is not None and conversation.title is None:
        # Its program has the model; nobody here is asked for a title.
        name = first_words(text_of(question.parts or [])[:_TITLE_CHARACTERS])
        conversations.name_by_model(tx, conversation.id, name)
    _tell(tx, run, is_new, None if question is None else rows[0])
    return Opened(run, duplicate=False)


def _submit(opening: Opening, chat_id: str) -> Submit:
    return Submit(chat_id, message=opening.message, parent_id=opening.parent_id)


def _conversation(tx: Tx, user_id: str, opening: Opening, leaf_id: str) -> tuple[ConversationRow, bool]:
    if opening.message is None and (opening.chat_id is None or conversations.find(tx, opening.chat_id) is None):
        raise BadRequest("There is nothing to answer: send the user's message, too.", surface="recording")
    if opening.chat_id is not None:
        found, is_new = conversation_of(tx, user_id, _submit(opening, opening.chat_id), leaf_id)
        if found.user_id != user_id:
            raise Forbidden("Only the owner's programs write answers into a conversation.", surface="recording")
        return found, is_new
    return conversations.add(tx, NewConversation(user_id)), True


def _above(
    tx: Tx, conversation: ConversationRow, opening: Opening, message_id: str
) -> tuple[NewMessage | None, str | None]:
    """The question, where there is a new one, and the message that is there already, below which all of it hangs."""
    known = _known(tx, conversation.id, opening)
    if known is not None:
        return None, known.id
    if opening.message is not None:
        question = question_of(tx, conversation.user_id, conversation, _submit(opening, conversation.id), message_id)
        return question, question.parent_id
    at = opening.parent_id or conversation.leaf_id
    found = messages.find(tx, conversation.id, at) if at else None
    if found is None and opening.parent_id is not None:
        raise NotFound("There is no such message to answer.", surface="message")
    if found is None:
        raise BadRequest("There is nothing to answer: send the user's message, too.", surface="recording")
    return None, found.id


def _by_key(tx: Tx, user_id: str, opening: Opening) -> RunRow | None:
    if opening.key is None:
        return None
    known = recordings.by_key(tx, user_id, opening.key)
    run = next((run for run in known if conversations.get(tx, user_id, run.conversation_id)), None)
    if run is None:
        return None
    question = messages.get(tx, run.conversation_id, run.parent_id)
    same = opening.message is None or (question is not None and question.digest == digest(user_parts(opening.message)))
    if not same or opening.chat_id not in (None, run.conversation_id):
        raise Conflict("This key was used for another recording. Take a new one.", surface="recording")
    return run


def _by_message(tx: Tx, user_id: str, opening: Opening) -> RunRow | None:
    """The recording that answers this very message."""
    if opening.chat_id is None or opening.key is not None:
        return None
    if conversations.get(tx, user_id, opening.chat_id) is None:
        return None
    found = _known(tx, opening.chat_id, opening)
    answers = runs.of_parent(tx, opening.chat_id, found.id) if found is not None else []
    return next((run for run in reversed(answers) if run.kind == KIND), None)


def _known(tx: Tx, conversation_id: str, opening: Opening) -> MessageRow | None:
    """The message, where it was sent before, for whatever kind of answer."""
    client_id = (opening.message or {}).get("id")
    if not isinstance(client_id, str) or not client_id:
        return None
    return messages.find_same(tx, conversation_id, client_id, digest(user_parts(opening.message)))


def _tell(tx: Tx, run: RunRow, is_new: bool, question: MessageRow | None) -> None:
    row = conversations.find(tx, run.conversation_id)
    assert row is not None
    kind = "conversation.created" if is_new else "conversation.updated"
    told = told_of(kind, row)
    if question is not None:
        told.append({"type": "message.added", "conversation_id": row.id, "message": message_view(question)})
    audience.tell(tx, row.id, run.user_id, *told, {"type": "run.started", "run": run_view(run, "running")})
