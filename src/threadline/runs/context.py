"""What a model is given: the newest messages of the branch, the settings, the tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from threadline.domain.errors import NotFound, ThreadlineError
from threadline.domain.fold import Fold
from threadline.domain.messages import Message, Role
from threadline.providers.protocol import ModelRequest, ModelSettings, Provider, ToolSpec
from threadline.store import messages
from threadline.store.runs import RunRow
from threadline.store.transaction import Tx


class Models(Protocol):
    """Where runs find the model that they are to call; ``providers.registry.Registry`` is one."""

    def get(self, model_id: str) -> tuple[Provider, str]:
        """The provider for ``provider/model`` and its own name of the model. Raises ``UnsupportedModel``,
        ``MissingKey``."""
        ...

    def takes_tools(self, model_id: str) -> bool:
        """Whether tools may be offered to that model."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """All that stays the same over the steps of one answer."""

    run: RunRow
    provider: Provider
    model: str
    history: Sequence[Message]
    tools: Sequence[ToolSpec]

    def request(self, record: Fold, partial: str) -> ModelRequest:
        """The next call of the model: the history, the answer's finished steps, and the text to go on from."""
        parts = record.snapshot()[: record.step_at]
        answer = [Message(self.run.message_id, "assistant", parts, self.run.parent_id)] if parts else []
        return ModelRequest(
            model=self.model,
            messages=[*self.history, *answer],
            settings=settings_of(self.run),
            tools=self.tools,
            partial=partial,
            first_part=record.part_count,
        )


def settings_of(run: RunRow) -> ModelSettings:
    """The settings that were stored with a run; what it does not name has its default."""
    known = {name: run.settings[name] for name in ModelSettings.__slots__ if name in run.settings}
    return ModelSettings(**known)


def history(tx: Tx, run: RunRow, limit: int) -> list[Message]:
    """The branch up to the message that is answered, at most ``limit`` messages; it never begins with an answer."""
    rows = messages.path(tx, run.conversation_id, run.parent_id, limit)
    if not rows:
        raise NotFound(surface="message")
    if any(row.parts is None for row in rows):
        raise ThreadlineError("An answer that this one rests on is not written down yet.", surface="chat")
    found = [Message(row.id, _role(row.role), row.parts or [], row.parent_id) for row in rows]
    first = next((at for at, message in enumerate(found) if message.role != "assistant"), 0)
    return found[first:]


def _role(role: str) -> Role:
    return "user" if role == "user" else "assistant" if role == "assistant" else "system"
