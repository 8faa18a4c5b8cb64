"""Responses: what programs ask for in OpenAI's dialects. A response is a run, under another name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from threadline.domain.errors import BadRequest, ContextTooLong, NotFound
from threadline.domain.messages import Message, Role, is_tool, text_of, tool_output, untaken
from threadline.domain.naming import first_words
from threadline.services import audience
from threadline.services.access import owned_run
from threadline.services.answers import Answers, run_view
from threadline.services.attempts import Attempt, run_of_attempt
from threadline.services.conversations import Conversations, mark_deleted, message_view, told_of
from threadline.services.imports import Row
from threadline.services.models import Models
from threadline.services.places import unwritten
from threadline.services.references import refers, resolved
from threadline.services.submits import MAX_SYSTEM_CHARACTERS
from threadline.services.turns import Turns
from threadline.store import attempts, conversations, messages, responses, runs
from threadline.store.conversations import ConversationRow, NewConversation
from threadline.store.database import Store
from threadline.store.messages import MessageRow, NewMessage
from threadline.store.responses import ResponseRow
from threadline.store.runs import NewRun, RunRow
from threadline.store.transaction import Tx
from threadline.wire.openai.objects import Head, run_of

TOOLS: Final = "tools"
"""The setting of a run that has the client's own tools as a list: then the server offers none of its own. For a page
it is whether the server's are offered."""

CONTEXT_BYTES: Final = 4 << 20
"""How much content a program's answer rests on at the most, with all that stands above it."""

Want = Callable[[Tx, str, NewRun], RunRow]
"""How a run is wanted; see ``Turns.want``."""

_SYSTEM: Final = "instructions"
_DEEPEST: Final = 10_000
_TITLE_CHARACTERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a program asks for. ``rows`` are the messages that it sends, the last of which is answered; ``settings``
    those of ``ModelSettings``, with ``tools``. ``request`` is what the response object repeats. ``previous`` is the
    response below which they belong; without it they are a conversation of their own, which is ``kept`` or passes.
    ``param`` is the parameter that they came in, and ``system`` the one that the system's words came in, for errors."""

    rows: list[Row]
    model: str | None
    settings: dict[str, Any]
    request: dict[str, Any] = field(default_factory=dict)
    previous: str | None = None
    kept: bool = True
    param: str = "input"
    system: str = "instructions"


class Responses:
    """Everything raises ``NotFound`` for what is not there, not this user's, or deleted."""

    def __init__(
        self,
        store: Store,
        answers: Answers,
        turns: Turns,
        conversations: Conversations,
        models: Models,
        context_bytes: int = CONTEXT_BYTES,
    ) -> None:
        self._store = store
        self._answers = answers
        self._turns = turns
        self._conversations = conversations
        self._models = models
        self._context_bytes = context_bytes

    async def create(self, user_id: str, wanted: Wanted, attempt: Attempt | None = None) -> tuple[RunRow, Head]:
        """Write the messages down and want a run for the last, in one transaction; the same ``attempt`` again gives the
        same run, whatever became meanwhile of its model and of what it goes on from. Raises ``BadRequest``,
        ``ContextTooLong``, ``TooLarge``, ``Conflict``, ``MissingKey``, ``UnsupportedModel`` and ``RateLimited``; then
        nothing was written."""
        _check_system(wanted)
        if attempt is not None and (attempt.key is not None or attempt.again):
            known = await self._store.write(lambda tx: _known(tx, user_id, attempt))
            if known is not None:
                return known
        model = await self._models.resolve(user_id, wanted.model)
        if wanted.previous is not None:
            above, _ = await self.find(user_id, wanted.previous)
            await self._answers.settle(above.id)
        if wanted.previous is not None or len(wanted.rows) > 1 or refers(wanted.rows):
            # What takes its time is read before the one writer is held.
            rows = await self._store.read(lambda tx: _checked(tx, user_id, wanted, self._context_bytes))
            wanted = replace(wanted, rows=rows)

        def work(tx: Tx) -> tuple[RunRow, Head]:
            # The same may have come meanwhile.
            known = _known(tx, user_id, attempt) if attempt is not None else None
            if known is not None:
                return known
            run, head = _place(tx, self._turns.want, user_id, model, wanted)
            if attempt is not None:
                attempts.remember(tx, run.id, attempt.digest, attempt.key)
            return run, head

        return await self._store.write(work)

    async def answered(self, run_id: str) -> None:
        """Whoever asked for it has the answer: the same request is a new one from here on, but for its key."""
        await self._store.write(lambda tx: attempts.answered(tx, run_id))

    async def find(self, user_id: str, response: str) -> tuple[RunRow, Head]:
        """The run that a response is, however it was asked for."""
        run, row = await self._store.read(lambda tx: _own(tx, user_id, response))
        return run, _head(run, row)

    async def cancel(self, user_id: str, response: str) -> None:
        """Ask for its end; what came of it is kept. One that has ended stays as it is."""
        run, _ = await self.find(user_id, response)
        await self._turns.stop(user_id, run.conversation_id, run.id)

    async def delete(self, user_id: str, response: str) -> None:
        """Let nobody find it any more, and end it. Its messages go when no response of its conversation is left,
        unless that is in the user's list."""

        def hide(tx: Tx) -> tuple[RunRow, bool]:
            run, _ = _own(tx, user_id, response)
            responses.hide(tx, run.id)
            runs.request_cancel(tx, run.id, "stopped")
            conversation = conversations.get(tx, user_id, run.conversation_id)
            listed = conversation is None or conversation.keeping == "listed"
            last = not listed and not responses.any_left(tx, run.conversation_id)
            if last:
                mark_deleted(tx, user_id, [run.conversation_id])
            return run, last

        run, last = await self._store.write(hide)
        if last:
            await self._conversations.remove([run.conversation_id])
        else:
            with suppress(NotFound):
                await self._turns.stop(user_id, run.conversation_id, run.id)

    async def inputs(self, user_id: str, response: str) -> list[Message]:
        """The messages that it rests on, oldest first; the newest of them, where they are more than any program's
        model is given."""

        def work(tx: Tx) -> list[MessageRow]:
            run, _ = _own(tx, user_id, response)
            return messages.path(tx, run.conversation_id, run.parent_id, _DEEPEST, self._context_bytes)

        rows = await self._store.read(work)
        return [Message(row.id, _role(row.role), row.parts or [], row.parent_id) for row in rows]


def _own(tx: Tx, user_id: str, response: str) -> tuple[RunRow, ResponseRow | None]:
    run_id = run_of(response)
    words = f"There is no response {response[:100]!r} here, or it is not yours."
    if run_id is None:
        raise NotFound(words, surface="response")
    try:
        run = owned_run(tx, user_id, run_id)
    except NotFound:
        raise NotFound(words, surface="response") from None
    row = responses.get(tx, run_id)
    # What a participant has asked for in a conversation of this user's, and how, is not this user's response.
    if run.asker_id != user_id or (row is not None and row.deleted_at is not None):
        raise NotFound(words, surface="response")
    return run, row


def _known(tx: Tx, user_id: str, attempt: Attempt) -> tuple[RunRow, Head] | None:
    run = run_of_attempt(tx, user_id, attempt)
    return None if run is None else (run, _head(run, responses.get(tx, run.id)))


def _head(run: RunRow, row: ResponseRow | None) -> Head:
    request = {**row.request, _SYSTEM: run.settings.get("system")} if row is not None else _request_of(run.settings)
    handed = isinstance(run.settings.get(TOOLS), list)
    return Head(run.id, run.message_id, run.model, run.created_at, request, handed=handed)


def _request_of(settings: dict[str, Any]) -> dict[str, Any]:
    """What a response tells of a run that was asked for in another way."""
    return {
        _SYSTEM: settings.get("system"),
        "max_output_tokens": settings.get("max_tokens"),
        "temperature": settings.get("temperature"),
        "reasoning": {"effort": settings.get("reasoning_effort"), "summary": None},
    }


def _place(tx: Tx, want: Want, user_id: str, model: str, wanted: Wanted) -> tuple[RunRow, Head]:
    above = None if wanted.previous is None else _own(tx, user_id, wanted.previous)[0]
    conversation = None if above is None else conversations.get(tx, user_id, above.conversation_id)
    ids = [tx.new_id("msg") for _ in wanted.rows]
    answer, run_id = tx.new_id("msg"), tx.new_id("run")
    if conversation is None:
        conversation = conversations.add(tx, _new(user_id, model, wanted, answer))
    else:
        _keep(tx, conversation, wanted)
        conversations.write_to(tx, conversation.id, answer, conversation.model or model)
    parents = [above.message_id if above is not None else None, *ids[:-1]]
    nodes = [
        NewMessage(conversation.id, role, parts, parent_id=parent, id=name)
        for name, parent, (role, parts) in zip(ids, parents, wanted.rows, strict=True)
    ]
    place = NewMessage(conversation.id, "assistant", None, parent_id=ids[-1], run_id=run_id, id=answer)
    written = messages.add_all(tx, [*nodes, place])[:-1]
    after = unwritten(tx, above.message_id) if above is not None else None
    run = want(
        tx,
        run_id,
        NewRun(
            conversation_id=conversation.id,
            user_id=user_id,
            message_id=answer,
            parent_id=ids[-1],
            model=model,
            settings=wanted.settings,
            after_run_id=after.id if after is not None else None,
        ),
    )
    _tell(tx, conversation, run, written)
    # The system's words are in the run's settings already.
    told = {name: value for name, value in wanted.request.items() if name != _SYSTEM}
    return run, _head(run, responses.add(tx, run_id, told))


def _check_system(wanted: Wanted) -> None:
    if len(wanted.settings.get("system") or "") > MAX_SYSTEM_CHARACTERS:
        words = "has" if wanted.system == _SYSTEM else "begins with the system's words, which have"
        raise BadRequest(
            f"{wanted.system} {words} at most {MAX_SYSTEM_CHARACTERS} characters.",
            surface="response",
            details={"param": wanted.system},
        )


def _checked(tx: Tx, user_id: str, wanted: Wanted, most_bytes: int) -> list[Row]:
    """The rows with all that they only name. Raises ``BadRequest`` for what could not be answered."""
    rows = resolved(tx, user_id, wanted.rows)
    nodes, size = len(rows), sum(len(orjson.dumps(parts)) for _, parts in rows)
    above = None if wanted.previous is None else _own(tx, user_id, wanted.previous)[0]
    if above is not None:
        more, content = messages.extent(tx, above.conversation_id, above.message_id, _DEEPEST)
        nodes, size = nodes + more, size + content
    if nodes > 1 and (nodes > _DEEPEST or size > most_bytes):
        raise ContextTooLong(surface="response", details={"param": wanted.param})
    _check_outputs(tx, above, rows, most_bytes)
    return rows


def _keep(tx: Tx, conversation: ConversationRow, wanted: Wanted) -> None:
    """What is below a response that is kept is kept, and what is above one, too. Raises ``BadRequest``."""
    passing = conversation.keeping == "passing"
    if passing and wanted.kept:
        conversations.change(tx, conversation.id, keeping="unlisted")
    if not passing and not wanted.kept:
        raise BadRequest(
            "store must be true: the previous response is kept, and what goes on below it is kept with it.",
            surface="response",
            details={"param": "store"},
        )


def _new(user_id: str, model: str, wanted: Wanted, leaf_id: str) -> NewConversation:
    """Nobody waits for a name of it, so no model is asked for one."""
    asked = next((text_of(parts) for role, parts in reversed(wanted.rows) if role == "user"), "")
    keeping = "unlisted" if wanted.kept else "passing"
    title = first_words(asked[:_TITLE_CHARACTERS])
    return NewConversation(user_id, title=title, title_by="model", model=model, leaf_id=leaf_id, keeping=keeping)


def _check_outputs(tx: Tx, above: RunRow | None, given: list[Row], most_bytes: int) -> None:
    """An output belongs to a call of the branch that has none yet: what no model would be given is not taken. Raises
    ``BadRequest``."""
    brought = {found[0] for _, parts in given for part in parts if (found := tool_output(part)) is not None}
    if not brought:
        return
    rows: list[MessageRow] = []
    if above is not None:
        rows = messages.path(tx, above.conversation_id, above.message_id, _DEEPEST, most_bytes)
    if any(row.parts is None for row in rows):
        raise BadRequest(
            "The previous response has not ended: its calls are not known yet.",
            surface="response",
            details={"param": "previous_response_id"},
        )
    before = [row.parts or [] for row in rows]
    lost = untaken([*before, *(parts for _, parts in given)])[len(untaken(before)) :]
    if lost:
        called = {part["toolCallId"] for parts in before for part in parts if is_tool(part)}
        words = f"No tool call found for function call output with call_id {lost[0][:100]}."
        if lost[0] in called:
            words = f"The call {lost[0][:100]} takes no output: it has one already, or it was never whole."
        raise BadRequest(words, surface="response", details={"param": "input"})


def _tell(tx: Tx, conversation: ConversationRow, run: RunRow, written: list[MessageRow]) -> None:
    """The user's pages hear of what is in their list; of all else only that a run goes on."""
    told = told_of("conversation.updated", conversations.find(tx, conversation.id) or conversation)
    if told:
        told += [
            {"type": "message.added", "conversation_id": conversation.id, "message": message_view(row)}
            for row in written
        ]
    audience.tell(tx, conversation.id, run.user_id, *told, {"type": "run.queued", "run": run_view(run, run.status)})
    tx.poke("runs")


def _role(role: str) -> Role:
    return "user" if role == "user" else "assistant" if role == "assistant" else "system"
