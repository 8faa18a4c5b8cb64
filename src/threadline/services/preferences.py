"""Which models a user likes, and which he has chosen for each slot: his choice comes before the operator's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from threadline.domain.catalog import split_model_id
from threadline.domain.errors import BadRequest
from threadline.store import preferences
from threadline.store.database import Store
from threadline.store.transaction import Tx

SLOTS: Final = ("chat", "title", "reasoning", "artifact", "image")
MOST_FAVOURITES: Final = 100
_LONGEST_ID: Final = 200


class Preferences:
    """``models`` are the operator's by slot, of which chat always has one; ``check`` raises where a user cannot ask a
    model."""

    def __init__(self, store: Store, models: Mapping[str, str], check: Callable[[str, str], Awaitable[None]]) -> None:
        self._store = store
        self._models = models
        self._check = check

    async def favourites(self, user_id: str) -> list[str]:
        """The ids of the models that a user likes, the first one first."""
        return await self._store.read(lambda tx: _favourites(tx, user_id))

    async def favour(self, user_id: str, model_id: str) -> None:
        """Like a model; again changes nothing. It need not be there now. Raises ``UnsupportedModel`` for what is no
        model's id, and ``BadRequest`` for one too many."""
        split_model_id(model_id)

        def work(tx: Tx) -> None:
            found = _favourites(tx, user_id)
            if model_id in found:
                return
            if len(found) >= MOST_FAVOURITES or len(model_id) > _LONGEST_ID:
                raise BadRequest(
                    f"There is room for {MOST_FAVOURITES} favourites. Take one away first.", surface="models"
                )
            preferences.merge(tx, user_id, favourites=[*found, model_id])

        await self._store.write(work)

    async def unfavour(self, user_id: str, model_id: str) -> None:
        """Like it no more; what was not liked stays so."""

        def work(tx: Tx) -> None:
            found = _favourites(tx, user_id)
            if model_id in found:
                preferences.merge(tx, user_id, favourites=[one for one in found if one != model_id] or None)

        await self._store.write(work)

    async def default(self, user_id: str) -> str:
        """The id of the model that answers a user where nothing else is chosen."""
        return await self._store.read(lambda tx: slot_of(tx, user_id, "chat")) or self._models["chat"]

    async def slots(self, user_id: str) -> dict[str, dict[str, Any]]:
        """By slot ``{model, own}``: the id in force, None where there is none, and whether the user chose it."""
        return self._shown(await self._store.read(lambda tx: _chosen(tx, user_id)))

    async def choose(self, user_id: str, chosen: Mapping[str, str | None]) -> dict[str, dict[str, Any]]:
        """Choose models for the slots that are named; None goes back to the operator's. Returns :meth:`slots`. Raises
        ``UnsupportedModel`` and ``MissingKey`` for a model that the user cannot ask; then nothing was chosen."""
        for model_id in chosen.values():
            if model_id is not None:
                await self._check(user_id, model_id)

        def work(tx: Tx) -> dict[str, str]:
            merged = {slot: model for slot, model in {**_chosen(tx, user_id), **chosen}.items() if model is not None}
            preferences.merge(tx, user_id, slots=merged or None)
            return merged

        return self._shown(await self._store.write(work))

    def _shown(self, chosen: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        return {slot: {"model": chosen.get(slot, self._models.get(slot)), "own": slot in chosen} for slot in SLOTS}


def slot_of(tx: Tx, user_id: str, slot: str) -> str | None:
    """The model that a user chose for a slot himself."""
    return _chosen(tx, user_id).get(slot)


def move(tx: Tx, user_id: str, to: str) -> None:
    """Give what a user prefers to another account that is his, too; what that prefers stays."""
    mine, theirs = preferences.get(tx, user_id), preferences.get(tx, to)
    liked = dict.fromkeys([*theirs.get("favourites", ()), *mine.get("favourites", ())])
    slots = {**mine.get("slots", {}), **theirs.get("slots", {})}
    preferences.merge(tx, to, favourites=[*liked][:MOST_FAVOURITES] or None, slots=slots or None)


def _favourites(tx: Tx, user_id: str) -> list[str]:
    return list(preferences.get(tx, user_id).get("favourites", ()))


def _chosen(tx: Tx, user_id: str) -> dict[str, str]:
    return dict(preferences.get(tx, user_id).get("slots", {}))
