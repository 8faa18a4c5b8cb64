"""The JSON shapes of the resources, as the schema tells them; times are Unix seconds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Times = float
RunStatus = Literal["queued", "running", "completed", "stopped", "error", "interrupted"]


class Sent(BaseModel):
    """A body that takes the fields that it names, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ErrorDetail(BaseModel):
    """What went wrong: ``code`` is for programs, ``message`` for people."""

    code: str
    message: str
    status: int
    request_id: str
    retryable: bool
    details: dict[str, Any] | None = None


class ErrorBody(BaseModel):
    """The one shape of an error."""

    error: ErrorDetail


class Me(BaseModel):
    """Who is asking. ``email_verified``: somebody else than he has said that the address is his."""

    id: str
    kind: Literal["guest", "registered", "service"]
    name: str | None
    email: str | None
    email_verified: bool
    role: Literal["user", "admin"]
    has_password: bool


class Person(BaseModel):
    """Somebody else, as he calls himself."""

    id: str
    name: str | None


Visibility = Literal["private", "link", "public"]


class Conversation(BaseModel):
    """A conversation; ``leaf_id`` is the newest message of the branch that was last written to or chosen. ``role`` is
    what you are in it; ``owner`` null: it is yours. Its settings are shown to its owner alone."""

    id: str
    title: str | None
    status: Literal["idle", "streaming", "completed", "error"]
    model: str | None
    settings: dict[str, Any]
    role: Literal["owner", "participant", "observer"]
    visibility: Visibility
    owner: Person | None
    leaf_id: str | None
    created_at: Times
    updated_at: Times


class Conversations(BaseModel):
    """A page of conversations, newest activity first; ``next`` is the cursor of the following one."""

    items: list[Conversation]
    next: str | None


Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
ModelId = Annotated[str, Field(max_length=200, pattern=r"^[^/]+/.+$", description="provider/model")]


class AnswerSettings(Sent):
    """How to answer; what is absent is as the server has it, null leaves the choice to the model."""

    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    temperature: float | None = Field(default=None, ge=0, le=2)
    system: str | None = Field(default=None, max_length=64_000)
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    tools: bool | None = None
    web_search: bool | None = None


class NewConversation(Sent):
    """A conversation that is wanted."""

    title: Title | None = None
    model: ModelId | None = None


class ConversationPatch(Sent):
    """What is to change of a conversation; what is absent stays. A ``title`` of null lets the model name it again."""

    title: Title | None = None
    model: ModelId | None = None
    settings: AnswerSettings = AnswerSettings()
    visibility: Visibility = "private"
    leaf_id: Annotated[str, Field(min_length=1, max_length=200)] = ""
    leaf_exact: bool = False


class Run(BaseModel):
    """A run that has not ended."""

    id: str
    conversation_id: str
    message_id: str
    parent_id: str
    status: RunStatus
    created_at: Times


class Message(BaseModel):
    """A node of a conversation's tree; the parts of an answer that is being written are in its run's stream.
    ``author_id`` is who said it, where that is not the owner of the conversation."""

    id: str
    role: Literal["system", "user", "assistant"]
    parts: list[dict[str, Any]]
    parent_id: str | None
    client_id: str | None
    created_at: Times
    metadata: dict[str, Any]
    status: Literal["streaming", "queued", "completed", "stopped", "error", "interrupted"]
    run_id: str | None
    author_id: str | None


class Messages(BaseModel):
    """A page of a conversation's messages in order of creation, and the runs that have not ended."""

    items: list[Message]
    next: str | None
    leaf_id: str | None
    runs: list[Run]


class RunView(BaseModel):
    """A run as a program sees it; ``text`` is what there is of the answer's text, ``cost`` is in US dollars, null where
    nobody knows it. ``duration``: for how many seconds it was written, once it has ended. ``settings`` are told to the
    owner of the conversation alone, of what he asked."""

    id: str
    conversation_id: str
    message_id: str
    parent_id: str
    status: RunStatus
    text: str
    next_offset: int
    chunk_count: int
    last_updated: Times
    usage: dict[str, Any]
    finish_reason: str | None
    model: str
    provider: str
    key_owner: Literal["server", "user"]
    cost: float | None
    duration: float | None
    settings: dict[str, Any]
    error: str | None


Id = Annotated[str, Field(min_length=1, max_length=128)]
Told = Annotated[str, Field(min_length=1, max_length=200)]


class NewRecording(Sent):
    """An answer that a program is about to write: to ``message`` (``{id?, role, parts}``), which is saved first, or
    below ``parent_id``. ``key`` finds it again. After ``timeout_seconds`` without a word it ends as interrupted."""

    conversation_id: Id | None = None
    message: dict[str, Any] | None = None
    parent_id: Id | None = None
    model: Told = "program"
    key: Told | None = None
    timeout_seconds: float | None = Field(default=None, ge=5, le=3600)


class Producer(BaseModel):
    """Who writes: what goes into ``Producer-Id`` and ``Producer-Epoch``; ``Producer-Seq`` counts from 0."""

    id: str
    epoch: int


class OpenPart(BaseModel):
    """What streams yet: ``type`` is text, reasoning, or tool-input, whose ``id`` is the call's."""

    id: str
    type: str


class Recording(BaseModel):
    """An answer that a program writes: to ``/api/runs/{run_id}/events``, or to ``/v1/stream/{stream}``. ``text``,
    ``next_offset`` and ``open_parts`` are what there is of it already."""

    run_id: str
    conversation_id: str
    message_id: str
    parent_id: str
    status: RunStatus
    stream: str
    producer: Producer
    timeout_seconds: float
    text: str
    next_offset: int
    open_parts: list[OpenPart]


class Stop(Sent):
    """Which run is to end; without it the active one."""

    run: str | None = None


class Stopped(BaseModel):
    """The runs that were asked to end."""

    stopped: list[str]


class Health(BaseModel):
    """The server does its work."""

    status: Literal["ok"] = "ok"
