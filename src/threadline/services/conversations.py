"""Conversations: make, list, search, name, read, delete; each change and its feed event in one transaction."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final, TypedDict

from threadline.domain.errors import BadRequest, Busy, Conflict, Gone, NotFound, Unavailable
from threadline.domain.ids import run_stream
from threadline.domain.texts import names
from threadline.log.protocol import Log, Producer, StreamConfig
from threadline.log.rules import MAX_NUMBER
from threadline.services import audience, audit, shown
from threadline.services.access import Access, access, owned
from threadline.services.answers import Answers, run_view
from threadline.services.leaving import close, let_out, topic
from threadline.store import changes, conversations, cursors, messages, participants, runs, shared
from threadline.store.conversations import ConversationRow, LeftRun, NewConversation
from threadline.store.database import Store
from threadline.store.messages import MessageRow
from threadline.store.transaction import Tx

logger = logging.getLogger(__name__)

_CONVERSATIONS: Final = (50, 200)
_MESSAGES: Final = (1000, 2000)
_LONGEST_TITLE: Final = 200
_HIDE_AT_ONCE: Final = 500
_PURGE_AT_ONCE: Final = 16
_SWEEP: Final = 1000
_ATTEMPTS: Final = 4
_FENCED: Final = StreamConfig(ttl=86_400)
_FENCE: Final = Producer("run", MAX_NUMBER, 0)
"""Newer than every worker's epoch."""


class Patch(TypedDict, total=False):
    """What may be changed of a conversation; what is absent stays. A ``title`` of None lets the model name it again.
    ``leaf_id`` is any message; the newest one below it becomes the leaf. With ``leaf_exact`` it becomes the leaf
    itself, whatever stands below, and must be an answer. ``visibility`` is private, link or public."""

    title: str | None
    model: str | None
    settings: dict[str, Any]
    visibility: str
    leaf_id: str
    leaf_exact: bool


class Conversations:
    """A user's conversations, and those of others that he is in. Every method that takes a user raises ``NotFound`` for
    what he may not even know of, and ``Forbidden`` for what only its owner may do."""

    def __init__(self, store: Store, log: Log, answers: Answers) -> None:
        self._store = store
        self._log = log
        self._answers = answers

    async def create(self, user_id: str, *, title: str | None = None, model: str | None = None) -> dict[str, Any]:
        """Make an empty conversation."""
        name = _title(title)
        new = NewConversation(user_id, title=name, title_by="user" if name else None, model=model)

        def work(tx: Tx) -> dict[str, Any]:
            view = conversation_view(conversations.add(tx, new))
            changes.record(tx, user_id, {"type": "conversation.created", "conversation": view})
            return view

        return await self._store.write(work)

    async def get(self, user_id: str, conversation_id: str) -> dict[str, Any]:
        """One conversation."""
        return await self._store.read(lambda tx: _seen(tx, access(tx, user_id, conversation_id)))

    async def page(
        self, user_id: str, *, cursor: str | None = None, limit: int | None = None, words: str | None = None
    ) -> dict[str, Any]:
        """``{items, next}``: his own and those of others that he is in, newest activity first; with ``words`` only
        those whose title holds them."""
        most = _limit(limit, _CONVERSATIONS)

        def work(tx: Tx) -> dict[str, Any]:
            own, more = conversations.page(tx, user_id, cursor, most, words)
            items = [conversation_view(row) for row in own]
            others = shared.page(tx, user_id, cursor, most + 1, words)
            if not others:
                return {"items": items, "next": more}
            items += [shown.conversation(conversation_view(row), role, _owner(row, name)) for row, role, name in others]
            items.sort(key=lambda item: (item["updated_at"], item["id"]), reverse=True)
            last = items[min(most, len(items)) - 1]
            left = more is not None or len(items) > most
            return {"items": items[:most], "next": cursors.encode(last["updated_at"], last["id"]) if left else None}

        return await self._store.read(work)

    async def change(
        self, user_id: str, conversation_id: str, patch: Patch, *, address: str | None = None
    ) -> dict[str, Any]:
        """Rename, or set model, settings, visibility or leaf; returns the conversation as it is then."""
        values: dict[str, Any] = {key: patch[key] for key in ("model", "settings", "visibility") if key in patch}
        if "title" in patch:
            name = _title(patch["title"])
            values |= {"title": name, "title_by": "user" if name else None}

        def work(tx: Tx) -> dict[str, Any]:
            before = owned(tx, user_id, conversation_id)
            if "leaf_id" in patch:
                values["leaf_id"] = _leaf(tx, conversation_id, patch)
            conversations.change(tx, conversation_id, **values)
            row = owned(tx, user_id, conversation_id)
            if row.visibility != before.visibility:
                _open_or_close(tx, before, row, address)
            if values:
                tell(tx, row)
            return conversation_view(row)

        return await self._store.write(work)

    async def messages(
        self, user_id: str, conversation_id: str, *, cursor: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """``{items, next, leaf_id, runs}``: every node of the tree in order of creation, and the runs not ended. A page
        ends early where its messages are large: about a megabyte of them, and one at the least.

        An answer whose end a reader has seen is folded here, whoever else was to do it; where there is no room to write
        that down, the page is given without.
        """
        most = _limit(limit, _MESSAGES)

        def work(tx: Tx) -> dict[str, Any]:
            reader = access(tx, user_id, conversation_id)
            found, more = messages.page(tx, conversation_id, cursor, most)
            going = [run_view(run, run.status) for run in runs.unfinished(tx, conversation_id)]
            items = [message_view(row) for row in found]
            if not reader.owns:
                items = [shown.message(item) for item in items]
            return {"items": items, "next": more, "leaf_id": reader.conversation.leaf_id, "runs": going}

        page = await self._store.read(work)
        settled = False
        with suppress(Unavailable):
            for run in page["runs"]:
                settled |= await self._answers.settle(run["id"])
        return await self._store.read(work) if settled else page

    async def delete(self, user_id: str, conversation_id: str) -> None:
        """Delete one: hidden for everyone on return, its runs asked to end, and what is left of it removed. Another's
        that he is in, he only leaves."""

        def work(tx: Tx) -> bool:
            reader = access(tx, user_id, conversation_id)
            if not reader.owns and participants.role_of(tx, conversation_id, user_id) is not None:
                let_out(tx, conversation_id, [user_id])
                return False
            owned(tx, user_id, conversation_id)
            mark_deleted(tx, user_id, [conversation_id])
            return True

        if await self._store.write(work):
            await self.remove([conversation_id])

    async def delete_all(self, user_id: str) -> None:
        """Delete all of a user's list, as :meth:`delete` does with one."""

        def work(tx: Tx) -> list[str]:
            for conversation_id in participants.ids_of(tx, user_id):
                let_out(tx, conversation_id, [user_id])
            ids = conversations.ids_of(tx, user_id)
            for at in range(0, len(ids), _HIDE_AT_ONCE):
                mark_deleted(tx, user_id, ids[at : at + _HIDE_AT_ONCE])
            return ids

        await self.remove(await self._store.write(work))

    async def purge(self, conversation_id: str) -> bool:
        """Remove what is left of a deleted conversation, its streams first; False where that must wait for a worker
        to let go of a run, and where there is nothing to remove. May be cut off anywhere and done again."""
        left = await self._store.write(lambda tx: conversations.end_runs(tx, conversation_id))
        if left is None:
            return False
        for run in left:
            await self._forget(run)
        return await self._store.write(lambda tx: conversations.purge(tx, conversation_id))

    async def _forget(self, run: LeftRun) -> None:
        """Delete a run's stream. Where a worker may still turn up that wants to write it, or a reader that waits for
        it, a fence stays in its place for a day: the one would make it anew, when nothing refers to it any more, and
        the other would wait for ever."""
        name = run_stream(run.id)
        for _ in range(_ATTEMPTS):
            try:
                # Also where it was never made: that ends those who wait for it.
                await self._log.delete(name)
            except NotFound:
                pass
            except Gone:
                return
            if run.silent:
                return
            try:
                await self._log.create(name, _FENCED)
                await self._log.append(name, [], producer=_FENCE, close=True)
            except (Conflict, NotFound):
                # Somebody wrote to it just now, or another purge was at it.
                continue
            return
        raise Busy("The events of a deleted conversation are still being written.", surface="conversation")

    async def retire(self, before: float) -> int:
        """Hide what is not kept for long and where nothing has been going on since ``before``, a number of them at
        once; returns how many. 0: there are no more."""

        def work(tx: Tx) -> int:
            passed = conversations.passed(tx, before, _HIDE_AT_ONCE)
            return sum(mark_deleted(tx, user_id, ids) for user_id, ids in passed.items())

        return await self._store.write(work)

    async def sweep(self) -> int:
        """Purge what was deleted and is still there, as after a crash, a number of them at once; returns how many went.
        0: what is left must wait."""
        return await self.remove(await self._store.read(lambda tx: conversations.hidden(tx, _SWEEP)))

    async def remove(self, ids: list[str]) -> int:
        """Purge all of these; returns how many went. What fails is left to the next sweep."""
        gone = 0
        for at in range(0, len(ids), _PURGE_AT_ONCE):
            some = ids[at : at + _PURGE_AT_ONCE]
            results = await asyncio.gather(*map(self.purge, some), return_exceptions=True)
            for conversation_id, result in zip(some, results, strict=True):
                if isinstance(result, Exception):
                    # It is deleted for everyone already; the next sweep removes the rest.
                    logger.warning("a deleted conversation was not removed yet: %s", conversation_id, exc_info=result)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    gone += result
        return gone


def conversation_view(row: ConversationRow) -> dict[str, Any]:
    """A conversation as the lists and the feed show it to its owner."""
    return {
        "id": row.id,
        "title": row.title,
        "status": row.status,
        "model": row.model,
        "settings": row.settings,
        "role": "owner",
        "visibility": row.visibility,
        "owner": None,
        "leaf_id": row.leaf_id,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def told_of(kind: str, row: ConversationRow) -> list[dict[str, Any]]:
    """What pages hear of a conversation: nothing where it is in no list."""
    return [{"type": kind, "conversation": conversation_view(row)}] if row.keeping == "listed" else []


def tell(tx: Tx, row: ConversationRow) -> None:
    """Let pages hear that it has changed: its owner's, and those of all who are in."""
    if told := told_of("conversation.updated", row):
        audience.tell(tx, row.id, row.user_id, *told)


def mark_deleted(tx: Tx, user_id: str, ids: list[str]) -> int:
    """Hide a user's conversations and take their words out of the feed; returns how many were there. Pages hear of it
    also where they are in no list: one may be open."""
    hidden = conversations.hide(tx, ids)
    changes.forget(tx, hidden)
    audience.tell_all(tx, [(name, user_id, [{"type": "conversation.deleted", "id": name}]) for name in hidden])
    for name in hidden:
        tx.poke(topic(name))
    return len(hidden)


def message_view(row: MessageRow) -> dict[str, Any]:
    """A message as the lists and the feed show it; the parts of an answer that is not folded yet are empty."""
    return {
        "id": row.id,
        "role": row.role,
        "parts": row.parts or [],
        "parent_id": row.parent_id,
        "client_id": row.client_id,
        "created_at": row.created_at,
        "metadata": row.metadata,
        "status": row.status,
        "run_id": row.run_id,
        "author_id": row.author_id,
    }


def _seen(tx: Tx, reader: Access) -> dict[str, Any]:
    view, row = conversation_view(reader.conversation), reader.conversation
    return view if reader.owns else shown.conversation(view, reader.role, audience.person(tx, row.user_id))


def _owner(row: ConversationRow, name: str | None) -> shown.Person:
    return {"id": row.user_id, "name": name}


def _open_or_close(tx: Tx, before: ConversationRow, row: ConversationRow, address: str | None) -> None:
    """Whoever may not read it any more is out at once."""
    if row.visibility == "private":
        close(tx, row.id)
    tx.poke(topic(row.id))
    audit.record(
        tx,
        "conversation.visibility_changed",
        row.user_id,
        target=row.id,
        address=address,
        visibility=row.visibility,
        was=before.visibility,
    )


def _leaf(tx: Tx, conversation_id: str, patch: Patch) -> str:
    message = messages.find(tx, conversation_id, patch["leaf_id"])
    if message is None:
        raise NotFound(surface="message")
    if patch.get("leaf_exact"):
        if message.role != "assistant":
            raise BadRequest("Only an answer can be the end of a branch. Name one.", surface="conversation")
        return message.id
    return messages.newest_leaf(tx, conversation_id, message.id) or message.id


def _title(title: str | None) -> str | None:
    if title is None:
        return None
    name = " ".join(title.split())
    if not names(name) or len(name) > _LONGEST_TITLE:
        words = f"A title has 1 to {_LONGEST_TITLE} characters, and no control characters."
        raise BadRequest(words, surface="conversation")
    return name


def _limit(limit: int | None, bounds: tuple[int, int]) -> int:
    usual, most = bounds
    if limit is None:
        return usual
    if limit < 1:
        raise BadRequest("A limit is a number from 1 on.", surface="list")
    return min(limit, most)
