"""The JSON shapes of sharing: links, those who came by them, and what a link tells before it is taken."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from threadline.routes.shapes import Person, Sent, Times

ShareRole = Literal["observer", "participant"]


class NewShare(Sent):
    """A link that is wanted: whoever comes by it may read (observer), or write, too (participant). With ``email`` only
    the account that has this address may."""

    role: ShareRole
    email: Annotated[str, Field(min_length=3, max_length=254)] | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=365)] | None = None


class Share(BaseModel):
    """A link that stands; what is in it is shown only when it is made."""

    id: str
    role: ShareRole
    email: str | None
    created_at: Times
    expires_at: Times | None


class MadeShare(Share):
    """A link that was made just now: hand on ``path`` on this server. It is not shown again."""

    token: str
    path: str


class Shares(BaseModel):
    """A conversation's links, the newest first."""

    items: list[Share]
    next: None = None


class Participant(BaseModel):
    """Somebody who is in a conversation, and since when."""

    user: Person
    role: Literal["owner", "participant", "observer"]
    created_at: Times


class Participants(BaseModel):
    """The owner, then those who are in, in the order in which they came."""

    items: list[Participant]
    next: None = None


class SharedConversation(BaseModel):
    """What a link leads to; the title is null for whom the link is not meant."""

    id: str
    title: str | None


class SharedBy(BaseModel):
    """Who made a link, as he calls himself."""

    name: str | None


class Invitation(BaseModel):
    """What a link tells. ``accepts`` false: it is for another e-mail address than that of the account that asks."""

    conversation: SharedConversation
    role: ShareRole
    owner: SharedBy
    accepts: bool


class Accepted(BaseModel):
    """Where a link has led, and what one is there now."""

    conversation_id: str
    role: Literal["owner", "participant", "observer"]
