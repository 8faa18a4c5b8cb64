"""Turns: a message comes in and a run is wanted; a stop comes in and the run is to end. Nothing is generated here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from threadline.domain import events
from threadline.domain.catalog import KeyOwner
from threadline.domain.endings import beginning, ending
from threadline.domain.errors import Busy, Closed, Fenced, Gone, NotFound
from threadline.domain.events import encode
from threadline.domain.fold import Fold
from threadline.domain.ids import run_stream
from threadline.log.protocol import Log, Producer, StreamConfig
from threadline.services import audience
from threadline.services.access import writable
from threadline.services.answers import Answers, run_view
from threadline.services.conversations import message_view, tell, told_of
from threadline.services.entitlements import Entitlements
from threadline.services.places import Ids, author_of, conversation_of, nodes_of, question_of, unended, unwritten
from threadline.services.preferences import slot_of
from threadline.services.submits import Submit, Submitted, check, digest, user_parts
from threadline.store import conversations, leases, messages, runs
from threadline.store.conversations import ConversationRow
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
    """Takes messages and stops. ``key_owner`` tells whose key a model is called with for a user, and raises where it is
    not known or has no key; ``default_model`` is used where neither the request nor the conversation names one, and who
    asks has chosen none. ``end_recording`` ends a run of that id that a program writes, and that is to end.
    ``entitlements`` decide whose message comes in; None: everybody's, as long as no admin wrote down anything else."""

    def __init__(
        self,
        store: Store,
        log: Log,
        answers: Answers,
        *,
        key_owner: Callable[[Tx, str, str], KeyOwner],
        default_model: str,
        when_busy: str = "enqueue",
        end_recording: Callable[[str], Awaitable[None]] | None = None,
        entitlements: Entitlements | None = None,
    ) -> None:
        self._store = store
        self._log = log
        self._answers = answers
        self._key_owner = key_owner
        self._default_model = default_model
        self._when_busy = when_busy
        self._end_recording = end_recording
        self._entitlements = entitlements or Entitlements(store)

    async def submit(self, user_id: str, submit: Submit) -> Submitted:
        """Write the message down and want a run for it, in one transaction; on return both are on disk.

        The same message again (id and content) gives the same run. Raises ``BadRequest``, ``MissingKey``,
        ``UnsupportedModel``, ``NotFound``, ``Busy`` and ``RateLimited``; then nothing was written.
        """
        check(submit)
        try:
            return await self._store.write(lambda tx: self._place(tx, user_id, submit, settled=False))
        except _MaybeClosed as waiting:
            for run_id in waiting.run_ids:
                await self._answers.settle(run_id)
        return await self._store.write(lambda tx: self._place(tx, user_id, submit, settled=True))

    def want(self, tx: Tx, run_id: str, wanted: NewRun) -> RunRow:
        """Want a run, if there is a key for it and who asks may send one more message: every answer of a model begins
        here. Raises ``UnsupportedModel``, ``MissingKey`` and ``RateLimited``, with which the transaction is to end."""
        owner = self._key_owner(tx, wanted.author_id or wanted.user_id, wanted.model)
        run = runs.insert(tx, run_id, replace(wanted, key_owner=owner))
        self._entitlements.admit(tx, run)
        return run

    async def stop(self, user_id: str, chat_id: str, run_id: str | None = None) -> list[str]:
        """Ask for the end of a run, or of the one that is active; returns the ids of those that were asked.

        On return the wish is on disk; a run that nobody had begun is closed already. What came of the text is kept.
        """

        def ask(tx: Tx) -> tuple[RunRow | None, bool]:
            writable(tx, user_id, conversations.find(tx, chat_id))
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
            claimed = leases.claim_queued(tx, run.id, _STOPPER, _STOP_LEASE_SECONDS)
            return claimed or run, claimed is not None

        run, unbegun = await self._store.write(ask)
        if run is None:
            return []
        if unbegun:
            await self._close_unbegun(run)
        if run.kind == "recorded" and self._end_recording is not None:
            await self._end_recording(run.id)
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
        ids = Ids(tx.new_id("msg"), tx.new_id("msg"), tx.new_id("run"))
        conversation, is_new = conversation_of(tx, user_id, submit, ids.answer)
        if submit.trigger == "submit-message" and not is_new:
            known = _known(tx, conversation, submit)
            if known is not None:
                return known
        model = submit.model or conversation.model or slot_of(tx, user_id, "chat") or self._default_model
        waiting = [] if is_new else runs.unfinished(tx, conversation.id)
        if waiting and not settled:
            raise _MaybeClosed([run.id for run in waiting])
        policy = submit.when_busy or self._when_busy
        asked = _regenerated(tx, conversation, submit) if submit.trigger == "regenerate-message" else None
        again = next((run for run in waiting if asked is not None and run.parent_id == asked.id), None)
        if again is not None and policy != "interrupt":
            return Submitted(again, duplicate=True)
        _heed(tx, waiting, policy)
        question = None if asked is not None else question_of(tx, user_id, conversation, submit, ids.question)
        after = _awaited(tx, asked, question) if waiting else None
        wanted = NewRun(
            conversation_id=conversation.id,
            user_id=conversation.user_id,
            message_id=ids.answer,
            parent_id=ids.question if asked is None else asked.id,
            model=model,
            settings={**conversation.settings, **submit.settings},
            after_run_id=after.id if after is not None else None,
            author_id=author_of(conversation, user_id),
        )
        rows = messages.add_all(tx, nodes_of(wanted, ids, question))
        run = self.want(tx, ids.run, wanted)
        # The owner's choice is the conversation's from now on; a participant's is that of his message alone.
        chosen = (submit.model if wanted.author_id is None else None) or conversation.model
        if not is_new:
            conversations.write_to(tx, conversation.id, ids.answer, chosen)
        shown = replace(
            conversation,
            leaf_id=ids.answer,
            model=chosen,
            updated_at=tx.now,
            status="streaming",
        )
        _tell(tx, shown, is_new, run, None if question is None else rows[0])
        return Submitted(run, duplicate=False)


def _awaited(tx: Tx, asked: MessageRow | None, question: NewMessage | None) -> RunRow | None:
    """The run that is to end first: whatever the branch, what an answer rests on is finished before it is begun."""
    node = asked or question
    found = unwritten(tx, node.parent_id) if node is not None and node.parent_id is not None else None
    if found is not None or asked is None:
        return found
    # Of several messages that came at once, only the first stands below an answer; theirs waited for that one.
    beside = runs.of_parent(tx, asked.conversation_id, asked.id)
    return unended(tx, beside[0].after_run_id) if beside else None


def _heed(tx: Tx, waiting: list[RunRow], policy: str) -> None:
    """What is to become of the runs that are not ended, when another is wanted."""
    if waiting and policy == "reject":
        raise Busy(surface="chat")
    if waiting and policy == "interrupt":
        for run in waiting:
            runs.request_cancel(tx, run.id, "interrupted")
        tx.poke("runs")


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
        tell(tx, replace(conversation, leaf_id=leaf))
    return Submitted(answers[-1], duplicate=True)


def _regenerated(tx: Tx, conversation: ConversationRow, submit: Submit) -> MessageRow:
    """The message that is to be answered again: the user's that is named, or the one that the named answer belongs to.
    A program's answer may belong to one of the system's, or of the assistant's own."""
    at = submit.message_id or conversation.leaf_id
    found = messages.find(tx, conversation.id, at) if at else None
    answer = found is not None and found.role == "assistant"
    if found is not None and answer:
        found = messages.get(tx, conversation.id, found.parent_id) if found.parent_id else None
    if found is None or not (answer or found.role == "user"):
        raise NotFound("There is no such answer to write again.", surface="message")
    return found


def _tell(tx: Tx, conversation: ConversationRow, is_new: bool, run: RunRow, question: MessageRow | None) -> None:
    kind = "conversation.created" if is_new else "conversation.updated"
    told = told_of(kind, conversation)
    if question is not None:
        added = {"conversation_id": conversation.id, "message": message_view(question)}
        told.append({"type": "message.added", **added})
    told.append({"type": "run.queued", "run": run_view(run, run.status)})
    audience.tell(tx, conversation.id, run.user_id, *told)
    tx.poke("runs")
