"""One program's hand in a house that has recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.runs.harness import House
from threadline.domain.events import Event
from threadline.log.protocol import Appended, Producer
from threadline.services.recordings import Opened, Opening, Recordings
from threadline.services.turns import Turns
from threadline.store import messages
from threadline.store.messages import MessageRow
from threadline.store.runs import RunRow

if TYPE_CHECKING:
    from tests.services.conftest import SettableWorld

TEXT = [
    {"type": "start", "messageId": "theirs", "messageMetadata": {"theme": "dark", "run": "no", "createdAt": 1}},
    {"type": "start-step"},
    {"type": "text-start", "id": "0"},
    {"type": "text-delta", "id": "0", "delta": "Hello, "},
    {"type": "text-delta", "id": "0", "delta": "reader."},
    {"type": "text-end", "id": "0"},
    {"type": "finish-step", "usage": {"inputTokens": 3, "outputTokens": 4}},
    {"type": "finish", "finishReason": "stop", "messageMetadata": {"mood": "good"}},
]


def words(delta: str, part: str = "0") -> Event:
    return {"type": "text-delta", "id": part, "delta": delta}


BEGUN = [{"type": "text-start", "id": "0"}, words("Half of")]


class Studio:
    """A house with recordings, and one program's hand."""

    def __init__(self, house: House, world: SettableWorld) -> None:
        self.house, self.world = house, world
        self.anew()

    def anew(self) -> None:
        """As after a restart: nothing of what was in memory is known."""
        house = self.house
        self.recordings = Recordings(house.store, house.log, house.answers, self.world)
        house.turns = Turns(
            house.store,
            house.log,
            house.answers,
            key_owner=lambda *_: "server",
            default_model="test/model",
            end_recording=self.recordings.end,
        )

    async def open(self, text: str | None = "Hello", **more: Any) -> Opened:
        message = {"role": "user", "parts": [{"type": "text", "text": text}], "id": more.pop("id", "m1")}
        opening = Opening(**{"chat_id": "chat-1", "message": message if text is not None else None, **more})
        return await self.recordings.open(self.house.user, opening)

    async def say(self, one: Opened, seq: int, *chunks: Any, close: bool = False, epoch: int | None = None) -> Appended:
        producer = Producer("program", one.epoch if epoch is None else epoch, seq)
        return await self.recordings.append(self.house.user, one.run.id, producer, chunks, close=close)

    async def row(self, one: Opened) -> RunRow:
        return await self.house.run(one.run.id)

    async def message(self, one: Opened) -> MessageRow:
        row = await self.house.store.read(lambda tx: messages.get(tx, one.run.conversation_id, one.run.message_id))
        assert row is not None
        return row

    async def later(self, one: Opened, seconds: float) -> None:
        """Let the time of its program pass, by the store's clock."""

        def shift(tx: Any) -> None:
            tx.conn.exec_driver_sql("UPDATE runs SET lease_until = lease_until - ? WHERE id = ?", (seconds, one.run.id))

        await self.house.store.write(shift)
