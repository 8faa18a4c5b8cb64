"""Data that would take too long to make by chatting, written through the store's own functions."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from threadline.domain.ids import make_id
from threadline.store import conversations, messages
from threadline.store.conversations import NewConversation
from threadline.store.database import Store
from threadline.store.messages import NewMessage
from threadline.store.signals import Signals
from threadline.store.transaction import Tx
from threadline.world import SystemWorld

QUESTION = "Question number {n}: what comes next?"
ANSWER = "Answer number {n}. It has a second sentence, some `code`, and\n\n- a list\n- of two things\n\nand an end."


def long_conversation(data: Path, user: str, count: int, model: str) -> str:
    """A conversation of ``count`` messages, questions and answers in turn; returns its id. The server must be down."""
    world = SystemWorld()
    conversation = make_id("conv", world.now(), world.entropy(10))

    def work(tx: Tx) -> None:
        wanted = NewConversation(user, conversation, f"A long talk of {count} messages", "user", model)
        conversations.add(tx, wanted)
        leaf: str | None = None
        for number in range(count):
            role, words = ("user", QUESTION) if number % 2 == 0 else ("assistant", ANSWER)
            parts = [{"type": "text", "text": words.format(n=number)}]
            leaf = messages.add(tx, NewMessage(conversation, role, parts, leaf)).id
        if leaf is not None:
            conversations.write_to(tx, conversation, leaf, model)

    async def write() -> None:
        store = await Store.open(data / "threadline.db", world, Signals())
        try:
            await store.write(work)
        finally:
            await store.close()

    # In a thread of its own, since a test's thread may have a loop already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, write()).result()
    return conversation
