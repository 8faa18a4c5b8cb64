"""The JSON shapes of models, and of what a user chose among them; money is in US dollars."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from threadline.routes.shapes import ModelId, Sent

AskedModel = Annotated[
    str,
    Query(
        alias="model",
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
        description="A model's id, `provider/model`.",
    ),
]


class Capabilities(BaseModel):
    """What a model can do; null where nobody told. ``files`` are documents such as PDFs, ``structured`` is output that
    holds to a schema, ``search`` the provider's own search of the web."""

    tools: bool | None
    reasoning: bool | None
    vision: bool | None
    files: bool | None
    audio: bool | None
    structured: bool | None
    search: bool | None


class LongPrice(BaseModel):
    """What a million tokens cost of a call whose input is long."""

    input: float
    output: float
    cached: float | None
    cache_write: float | None


class Price(LongPrice):
    """What a million tokens cost now; null is as for ``input``. ``long`` holds for all of a call with more than
    ``long_above`` tokens of input."""

    long_above: int | None
    long: LongPrice | None


class Model(BaseModel):
    """A model that may be chosen; ``reason`` tells people why it is not ``available``, ``key`` whose key would call
    it.

    ``context`` and ``output_limit`` are in tokens. ``source`` tells people where the price was read, or else the
    context size: an address and a day, ``provider`` for what it lists itself, or ``operator``. ``health`` is how our
    own calls went of late, null where there were too few. ``retires``: the day from which it does not answer.
    """

    id: str
    provider: str
    provider_name: str
    name: str
    capabilities: Capabilities
    context: int | None
    output_limit: int | None
    price: Price | None
    source: str | None
    health: Literal["ok", "slow", "failing"] | None
    retires: str | None
    available: bool
    reason: str | None
    key: Literal["user", "server"] | None
    favourite: bool


class Models(BaseModel):
    """All models, those of one provider together; ``default`` answers where none is chosen."""

    items: list[Model]
    next: None = None
    default: str


class Validated(BaseModel):
    """Whether you can ask a model. ``required_provider`` is whose key it takes; null: it takes none, or is not
    supported. ``reason`` tells people why you cannot."""

    supported: bool
    has_key: bool
    required_provider: str | None
    reason: str | None


class Slot(BaseModel):
    """The model in force for one purpose; ``own``: you chose it, and not the operator."""

    model: str | None
    own: bool


class Slots(BaseModel):
    """Which model does what: ``chat`` answers, ``title`` names conversations; the others are kept for what comes."""

    chat: Slot
    title: Slot
    reasoning: Slot
    artifact: Slot
    image: Slot


class ChosenSlots(Sent):
    """What you choose; what is absent stays, and null goes back to the operator's."""

    chat: ModelId | None = None
    title: ModelId | None = None
    reasoning: ModelId | None = None
    artifact: ModelId | None = None
    image: ModelId | None = None
