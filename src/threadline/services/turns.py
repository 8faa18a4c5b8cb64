"""Turns: a message comes in and a run is wanted; a stop comes in and the run is to end. Nothing is generated here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from threadline.domain import events
from threadline.domain.endings import beginning, ending
from threadline.domain.errors import BadRequest, Busy, Closed, Fenced, Gone, NotFound
from threadline.domain.events import encode
from threadline.domain.fold import Fold
from threadline.domain.ids import is_reserved, run_stream
from threadline.log.protocol import Log, Producer, StreamConfig
from threadline.services.answers import Answers, run_view
from threadline.services.conversations import conversation_view, message_view
from threadline.services.submits import Submit, Submitted, check, digest, user_parts
from threadline.store import changes, conversations, messages, runs
from threadline.store.conversations import ConversationRow, NewConversation
from threadline.store.database import Store
from threadline.store.messages import MessageRow, NewMessage
from threadline.store.runs import NewRun, RunRow
from threadline.store.transaction import Tx

__all__ = ["Submit", "Submitted", "Turns"]

_STOPPER: Final = "stopper"
_STOP_LEASE_SECONDS: Final = 5.0


class _MaybeClosed(Exception):
    """Runs that the store holds for unfinished, and of which the log may know better."""

    def __init__(self, run_ids: list[str]) -> None:
        self.run_ids = run_ids
        super().__init__()


class Turns:
    """Takes messages and stops. ``check_model`` raises where a model is not known or has no key; ``default_model``
    is used where neither the request nor the conversation names one."""

    def __init__(
        self,
        store: Store,
        log: Log,
        answers: Answers,
        *,
        check_model: Callable[[str], object],
        default_model: str,
        when_busy: str = "enqueue",
    ) -> None:
        self._store = store
        self._log = log
        self._answers = answers
        self._check_model = check_model
        self._default_model = default_model
        self._when_busy = when_busy

    async def submit(self, user_id: str, submit: Submit) -> Submitted:
        """Write the message down and want a run for it, in one transaction; on return both are on disk.

        The same message again (id and content) gives the same run. Raises ``BadRequest``, ``MissingKey``,
        ``UnsupportedModel``, ``NotFound`` and ``Busy``; then nothing was written.
        """
        check(submit)
        try:
            return await self._store.write(lambda tx: self._place(tx, user_id, submit, settled=False))
        except _MaybeClosed as waiting:
            for run_id in waiting.run_ids:
                await self._answers.settle(run_id)
        return await self._store.write(lambda tx: self._place(tx, user_id, submit, settled=True))

    async def stop(self, user_id: str, chat_id: str, run_id: str | None = None) -> list[str]:
        """Ask for the end of a run, or of the one that is active; returns the ids of those that were asked.

        On return the wish is on disk; a run that nobody had begun is closed already. What came of the text is kept.
        """

        def ask(tx: Tx) -> tuple[RunRow | None, bool]:
            if conversations.get(tx, user_id, chat_id) is None:
                raise NotFound(surface="conversation")
            waiting = runs.unfinished(tx, chat_id)
            if run_id is not None:
                found = runs.get(tx, run_id)
                if found is None or found.conversation_id != chat_id:
                    raise NotFound(surface="run")
                waiting = [run for run in waiting if run.id == run_id]
            run = next((run for run in waiting if run.status == "running"), waiting[0] if waiting else None)
            if run is None:
                return None, False
            runs.request_cancel(tx, run.id, "stopped")
            claimed = runs.claim_queued(tx, run.id, _STOPPER, _STOP_LEASE_SECONDS)
            if claimed is not None:
                runs.pass_on(tx, claimed)
            return claimed or run, claimed is not None

        run, unbegun = await self._store.write(ask)
        if run is None:
            return []
        if unbegun:
            await self._close_unbegun(run)
        return [run.id]

    async def _close_unbegun(self, run: RunRow) -> None:
        """Close a run's stream in the place of a worker, under the fence like one."""
        last = [
            beginning(run.message_id, run.id, run.model, run.created_at),
            events.abort("stopped"),
            ending(Fold(), "other"),
        ]
        producer = Producer("run", run.epoch, 0)
        try:
            await self._log.append(
                run_stream(run.id),
                [encode(event) for event in last],
                producer=producer,
                close=True,
                create=StreamConfig(),
            )
        except (Closed, Fenced, Gone, NotFound):
            return
        await self._answers.settle(run.id)

    def _place(self, tx: Tx, user_id: str, submit: Submit, *, settled: bool) -> Submitted:
        ids = _Ids(tx.new_id("msg"), tx.new_id("msg"), tx.new_id("run"))
        conversation, is_new = _conversation(tx, user_id, submit, ids.answer)
        if submit.trigger == "submit-message" and not is_new:
            known = _known(tx, conversation, submit)
            if known is not None:
                return known
        model = submit.model or conversation.model or self._default_model
        self._check_model(model)
        waiting = [] if is_new else runs.unfinished(tx, conversation.id)
        if waiting and not settled:
            raise _MaybeClosed([run.id for run in waiting])
        policy = submit.when_busy or self._when_busy
        asked = _regenerated(tx, conversation, submit) if submit.trigger == "regenerate-message" else None
        again = next((run for run in waiting if asked is not None and run.parent_id == asked.id), None)
        if again is not None and policy != "interrupt":
            return Submitted(again, duplicate=True)
        _heed(tx, waiting, policy)
        question = None if asked is not None else _question(tx, conversation, submit, ids.question)
        above = asked.parent_id if asked is not None else question.parent_id if question is not None else None
        # Whatever the branch: what the answer rests on is finished before it is begun.
        after = next((run for run in waiting if run.message_id == above), None)
        wanted = NewRun(
            conversation_id=conversation.id,
            user_id=conversation.user_id,
            message_id=ids.answer,
            parent_id=ids.question if asked is None else asked.id,
            model=model,
            settings={**conversation.settings, **submit.settings},
            after_run_id=after.id if after is not None else None,
        )
        rows = messages.add_all(tx, _nodes(wanted, ids, question))
        run = runs.insert(tx, ids.run, wanted)
        if not is_new:
            conversations.write_to(tx, conversation.id, ids.answer, submit.model or conversation.model)
        shown = replace(
            conversation,
            leaf_id=ids.answer,
            model=submit.model or conversation.model,
            updated_at=tx.now,
            status="streaming",
        )
        _tell(tx, shown, is_new, run, None if question is None else rows[0])
        return Submitted(run, duplicate=False)


def _heed(tx: Tx, waiting: list[RunRow], policy: str) -> None:
    """What is to become of the runs that are not ended, when another is wanted."""
    if waiting and policy == "reject":
        raise Busy(surface="chat")
    if waiting and policy == "interrupt":
        for run in waiting:
            runs.request_cancel(tx, run.id, "interrupted")
        tx.poke("runs")


@dataclass(frozen=True, slots=True)
class _Ids:
    """Made in the order in which the tree is listed: a question sorts before its answer."""

    question: str
    answer: str
    run: str


def _conversation(tx: Tx, user_id: str, submit: Submit, leaf_id: str) -> tuple[ConversationRow, bool]:
    found = conversations.find(tx, submit.chat_id)
    if found is not None:
        if found.user_id != user_id or found.deleted_at is not None:
            raise NotFound(surface="conversation")
        return found, False
    if is_reserved(submit.chat_id):
        raise NotFound(
            "There is no such conversation. Ids that begin like ours are made by the server.", surface="chat"
        )
    if submit.trigger == "regenerate-message":
        raise NotFound(surface="conversation")
    new = NewConversation(user_id, id=submit.chat_id, model=submit.model, leaf_id=leaf_id)
    # It has no leaf yet for the question to hang below.
    return replace(conversations.add(tx, new), leaf_id=None), True


def _known(tx: Tx, conversation: ConversationRow, submit: Submit) -> Submitted | None:
    """The run of this very message, when it was submitted before."""
    client_id = (submit.message or {}).get("id")
    if not isinstance(client_id, str) or not client_id:
        return None
    content = digest(user_parts(submit.message))
    found = messages.find_same(tx, conversation.id, client_id, content)
    if found is None:
        return None
    answers = runs.of_parent(tx, conversation.id, found.id)
    if not answers:
        return None
    if submit.message_id is not None:
        # An edit back to words that were there before: the branch of these is chosen again.
        leaf = messages.newest_leaf(tx, conversation.id, found.id) or answers[-1].message_id
        conversations.change(tx, conversation.id, leaf_id=leaf)
        shown = conversation_view(replace(conversation, leaf_id=leaf))
        changes.record(tx, conversation.user_id, {"type": "conversation.updated", "conversation": shown})
    return Submitted(answers[-1], duplicate=True)


def _regenerated(tx: Tx, conversation: ConversationRow, submit: Submit) -> MessageRow:
    """The user's message that is to be answered again: it, or the one that the named answer belongs to."""
    at = submit.message_id or conversation.leaf_id
    found = messages.find(tx, conversation.id, at) if at else None
    if found is not None and found.role == "assistant" and found.parent_id:
        found = messages.get(tx, conversation.id, found.parent_id)
    if found is None or found.role != "user":
        raise NotFound("There is no such answer to write again.", surface="message")
    return found


def _question(tx: Tx, conversation: ConversationRow, submit: Submit, message_id: str) -> NewMessage:
    parts = user_parts(submit.message)
    client_id = (submit.message or {}).get("id")
    return NewMessage(
        conversation.id,
        "user",
        parts,
        parent_id=_parent(tx, conversation, submit),
        client_id=client_id if isinstance(client_id, str) and client_id else None,
        digest=digest(parts),
        id=message_id,
    )


def _parent(tx: Tx, conversation: ConversationRow, submit: Submit) -> str | None:
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


def _nodes(run: NewRun, ids: _Ids, question: NewMessage | None) -> list[NewMessage]:
    """The question, where it is new, and the place of its answer."""
    answer = NewMessage(run.conversation_id, "assistant", None, parent_id=run.parent_id, run_id=ids.run, id=ids.answer)
    return [answer] if question is None else [question, answer]


def _tell(tx: Tx, conversation: ConversationRow, is_new: bool, run: RunRow, question: MessageRow | None) -> None:
    kind = "conversation.created" if is_new else "conversation.updated"
    told: list[dict[str, Any]] = [{"type": kind, "conversation": conversation_view(conversation)}]
    if question is not None:
        added = {"conversation_id": conversation.id, "message": message_view(question)}
        told.append({"type": "message.added", **added})
    told.append({"type": "run.queued", "run": run_view(run, run.status)})
    changes.record(tx, run.user_id, *told)
    tx.poke("runs")
