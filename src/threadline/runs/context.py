"""What a model is given: the newest messages of the branch, the settings, the tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from threadline.domain.catalog import KeyOwner
from threadline.domain.errors import ContextTooLong, ThreadlineError
from threadline.domain.fold import Fold
from threadline.domain.messages import Message, Role, with_outputs
from threadline.domain.prices import Price
from threadline.providers.protocol import Kept, ModelRequest, ModelSettings, Provider, ToolSpec
from threadline.runs.fitting import fitted, halved
from threadline.services.responses import TOOLS
from threadline.store import messages
from threadline.store.messages import MessageRow
from threadline.store.runs import RunRow
from threadline.store.transaction import Tx


class Models(Protocol):
    """Where runs find the model that they are to call; ``services.callers.Callers`` is one."""

    async def answering(self, run: RunRow) -> tuple[Provider, str]:
        """What calls a run's own model for its answer, and the provider's own name of the model. Raises
        ``UnsupportedModel``, ``MissingKey``, ``RateLimited``."""
        ...

    async def provider_for(self, run: RunRow, model_id: str) -> tuple[Provider, str]:
        """What calls ``provider/model`` beside the answer, for who asked for it. Raises ``UnsupportedModel``,
        ``MissingKey``."""
        ...

    async def paid(self, run: RunRow) -> tuple[KeyOwner, Price | None]:
        """Whose key a run was written with, and what its model costs with that key; None where nobody knows."""
        ...

    def context_of(self, model_id: str) -> int | None:
        """How many tokens a model takes; None where nobody knows."""
        ...

    def takes_tools(self, model_id: str, wanted: bool | None = None) -> bool:
        """Whether tools are offered to that model, as is ``wanted`` where that says so."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """What of a branch a model is given; ``cut``: there is more above it."""

    messages: list[Message]
    cut: bool = False

    @property
    def cut_at(self) -> str | None:
        """The id of the first message that is given, where older ones are not."""
        return self.messages[0].id if self.cut else None

    def within(self, tokens: int) -> History:
        """As much of its newer end as is about so many tokens."""
        return self._cut_to(fitted(self.messages, tokens))

    def shorter(self) -> History | None:
        """About its newer half; None where it is one message."""
        half = halved(self.messages)
        return None if half is None else self._cut_to(half)

    def _cut_to(self, kept: list[Message]) -> History:
        return History(kept, self.cut or len(kept) < len(self.messages))


@dataclass(frozen=True, slots=True)
class Context:
    """All that stays the same over the steps of one answer. ``handed``: a call of a tool ends the answer, and is the
    client's to run."""

    run: RunRow
    provider: Provider
    model: str
    history: History
    tools: Sequence[ToolSpec]
    handed: bool = False

    def request(self, record: Fold, partial: str, kept: Kept | None = None) -> ModelRequest:
        """The next call of the model: the history, the answer's finished steps, and the text to go on from, or the
        answer that its provider keeps."""
        parts = record.snapshot()[: record.step_at]
        answer = [Message(self.run.message_id, "assistant", parts, self.run.parent_id)] if parts else []
        return ModelRequest(
            model=self.model,
            messages=[*self.history.messages, *answer],
            settings=settings_of(self.run),
            tools=self.tools,
            partial=partial,
            first_part=record.part_count,
            kept=kept,
        )


def settings_of(run: RunRow) -> ModelSettings:
    """The settings that were stored with a run; what it does not name has its default."""
    known = {name: run.settings[name] for name in ModelSettings.__slots__ if name in run.settings}
    return ModelSettings(**known)


def client_tools(run: RunRow) -> list[ToolSpec] | None:
    """The client's own tools, which are all that a program's run has; None for every other run."""
    given = run.settings.get(TOOLS)
    if not isinstance(given, list):
        return None
    return [ToolSpec(one["name"], one["description"], one["parameters"], one.get("strict")) for one in given]


def wants_tools(run: RunRow) -> bool | None:
    """Whether the server's tools are to be offered, as the message's settings say; None where they say nothing."""
    wanted = run.settings.get(TOOLS)
    return wanted if isinstance(wanted, bool) else None


def history(tx: Tx, run: RunRow, limit: int, most_bytes: int) -> History:
    """The branch up to the message that is answered, at most ``limit`` messages and, but for that one message,
    ``most_bytes`` of content. It never begins between a call and its output.

    A page's is cut at its older end: it begins with no answer, or with the newest message in which a user says
    something, which is there however much came after it. A program's is never cut: raises ``ContextTooLong``.
    """
    rows = messages.path(tx, run.conversation_id, run.parent_id, limit, most_bytes)
    if not rows:
        raise ThreadlineError("The message to be answered is not there any more. Send it again.", surface="chat")
    if any(row.parts is None for row in rows):
        raise ThreadlineError("An answer that this one rests on is not written down yet.", surface="chat")
    handed, above = client_tools(run) is not None, rows[0].parent_id
    if handed and above is not None:
        raise ContextTooLong(surface="chat")
    # Outputs of calls that are cut off find no call, and go with them.
    found = with_outputs([_message(row) for row in rows])
    if handed:
        return History(found)
    if above is not None and all(message.role != "user" for message in found):
        asked = messages.question(tx, run.conversation_id, above)
        if asked is not None:
            return History([_message(asked), *found], cut=True)
    first = next((at for at, message in enumerate(found) if message.role != "assistant"), 0)
    return History(found[first:], cut=above is not None or first > 0)


def _message(row: MessageRow) -> Message:
    return Message(row.id, _role(row.role), row.parts or [], row.parent_id)


def _role(role: str) -> Role:
    return "user" if role == "user" else "assistant" if role == "assistant" else "system"
