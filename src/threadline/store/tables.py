"""The relational schema, in one place, as SQLAlchemy Core tables that SQLite and PostgreSQL share.

Times are Unix seconds. JSON is kept as text, written and read with orjson by the family files.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()


def partial(condition: str) -> dict[str, Any]:
    """What makes an index hold only the rows of which ``condition`` is true.

    On SQLite alone: to name PostgreSQL here would load all of its dialect at every start.
    """
    return {"sqlite_where": text(condition)}


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # guest | registered | service
    Column("name", Text),
    Column("feed_seq", BigInteger, nullable=False, server_default=text("0")),  # the next offset of the user's feed
    Column("created_at", Float, nullable=False),
    Column("email", Text),  # in small letters; nobody else's, proved or not
    Column("email_verified_at", Float),  # NULL: nobody has proved that it is his
    Column("password_hash", Text),  # NULL: signs in elsewhere, or not at all
    Column("role", Text, nullable=False, server_default=text("'user'")),  # user | admin
    Column("disabled_at", Float),  # NULL: may come in
    Column("preferences", Text, nullable=False, server_default=text("'{}'")),
    Column("deleted_at", Float),  # nobody can come in as him; the sweeper removes what is left of him
    Column("heir_id", Text),  # a deleted guest's: the account that he signed in to, which has what he made
    Index("users_by_email", "email", unique=True),
    Index("users_deleted", "deleted_at", **partial("deleted_at IS NOT NULL")),
    Index("users_by_kind", "kind", "created_at"),
    Index("users_by_age", "created_at", "id"),
)

identities = Table(
    "identities",
    metadata,
    Column("provider", Text, primary_key=True),  # the name under which it was set up
    Column("subject", Text, primary_key=True),  # what the provider calls him, for ever
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("email", Text),  # as the provider told it last
    Column("created_at", Float, nullable=False),
)

logins = Table(
    "logins",
    metadata,
    Column("state_hash", LargeBinary, primary_key=True),  # sha256 of the state that went to the provider
    Column("provider", Text, nullable=False),
    Column("browser_hash", LargeBinary, nullable=False),  # sha256 of the cookie of the browser that began it
    Column("verifier", Text, nullable=False),  # of PKCE
    Column("nonce", Text, nullable=False),
    # who began it, where somebody was there
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("links", Boolean, nullable=False),  # to add the identity to that account, not to sign in
    Column("return_to", Text, nullable=False),
    Column("created_at", Float, nullable=False, index=True),
    Column("used_at", Float),  # NULL: nobody has come back with it
)

throttles = Table(
    "throttles",
    metadata,
    Column("key", Text, primary_key=True),  # what is counted, and for whom: login:address:…, login:account:…
    Column("count", Integer, nullable=False),
    Column("since", Float, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor_id", Text),  # who did it; also of an account that is not there any more
    Column("action", Text, nullable=False),
    Column("target", Text),  # the id of what it was done to
    Column("address", Text),
    Column("details", Text, nullable=False, server_default=text("'{}'")),
    Index("audit_by_age", "at", "id"),
    Index("audit_by_actor", "actor_id", "at", "id"),
    Index("audit_by_action", "action", "at", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # sha256 of the cookie's value
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    Column("agent", Text),  # what the browser calls itself
    Column("address", Text),  # from where it was opened
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # sha256 of the token
    Column("created_at", Float, nullable=False),
    Column("used_at", Float),
    Column("scopes", Text, nullable=False, server_default=text("'all'")),  # names with blanks between
    Column("expires_at", Float),  # NULL: never
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("base_url", Text),  # NULL: the provider's own
    Column("master", Text, nullable=False, index=True),  # the id of the master key that sealed it
    Column("sealed", LargeBinary, nullable=False),
    Column("last_four", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("used_at", Float),
    Index("keys_by_provider", "user_id", "provider", unique=True),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text),
    Column("title_by", Text),  # model | user; what a user named is never replaced
    Column("model", Text),
    Column("settings", Text, nullable=False, server_default=text("'{}'")),
    Column("leaf_id", Text),  # the newest message of the branch that was last written to or chosen
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("deleted_at", Float),  # hidden at once; the sweeper removes what is left of it
    Column("keeping", Text, nullable=False, server_default=text("'listed'")),  # listed | unlisted | passing
    Column("visibility", Text, nullable=False, server_default=text("'private'")),  # private | link | public
    Index("conversations_by_activity", "user_id", "keeping", "updated_at", "id"),
    Index("conversations_deleted", "deleted_at", **partial("deleted_at IS NOT NULL")),
    Index("conversations_passing", "updated_at", **partial("keeping = 'passing'")),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", Text),
    Column("client_id", Text),  # the id that the client gave it
    Column("digest", LargeBinary),  # sha256 of the content, for idempotent submits
    Column("role", Text, nullable=False),
    Column("parts", Text),  # NULL: the run that writes it is not folded yet
    Column("metadata", Text, nullable=False, server_default=text("'{}'")),
    Column("run_id", Text),
    Column("created_at", Float, nullable=False),
    Column("author_id", Text),  # NULL: the owner of the conversation, or a model
    Index("messages_in_conversation", "conversation_id", "created_at", "id"),
    Index("messages_by_client_id", "conversation_id", "client_id", "created_at", "id"),
    Index("messages_by_parent", "conversation_id", "parent_id", "created_at", "id"),
    Index("messages_by_author", "author_id", **partial("author_id IS NOT NULL")),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),  # the answer
    Column("parent_id", Text, nullable=False),  # the message that is answered
    Column("after_run_id", Text),  # not to be claimed until that one has ended
    Column("status", Text, nullable=False),  # queued | running | completed | stopped | error | interrupted
    Column("model", Text, nullable=False),  # provider/model
    Column("settings", Text, nullable=False, server_default=text("'{}'")),
    Column("key_owner", Text, nullable=False, server_default=text("'server'")),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("worker", Text),
    Column("lease_until", Float),
    Column("cancel", Text),  # why it is to stop: stopped | interrupted | deleted
    Column("finish_reason", Text),
    Column("usage", Text),
    Column("error", Text),
    Column("next_offset", BigInteger),  # the tail of the closed stream
    Column("trail", LargeBinary),  # chunk boundaries, from which a trimmed stream is served
    Column("trimmed_at", Float),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("kind", Text, nullable=False, server_default=text("'model'")),  # model | recorded: by a program outside
    Column("lease_seconds", Float),  # a recorded one's own
    Column("open_key", Text),  # by which its program finds it again
    Column("author_id", Text),  # who asked, and whose keys and limits count; NULL: the owner
    Column("cost", BigInteger),  # in millionths of a US dollar; NULL: nobody knows
    Index("runs_by_open_key", "user_id", "open_key", **partial("open_key IS NOT NULL")),
    Index("runs_in_conversation", "conversation_id", "created_at", "id"),
    Index("runs_by_status", "status", "lease_until"),
    Index("runs_by_end", "trimmed_at", "ended_at"),
    Index("runs_by_message", "message_id"),
    Index("runs_by_state", "conversation_id", "status"),
    Index("runs_by_author", "author_id", **partial("author_id IS NOT NULL")),
)

participants = Table(
    "participants",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("role", Text, nullable=False),  # observer | participant
    Column("share_id", Text),  # by which he came; he goes with it
    Column("created_at", Float, nullable=False),
)

shares = Table(
    "shares",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", Text, nullable=False),  # observer | participant
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # sha256 of what is in the link
    Column("email", Text),  # NULL: whoever has the link
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),  # NULL: when it is revoked
    Index("shares_by_end", "expires_at", **partial("expires_at IS NOT NULL")),
)

admissions = Table(
    "admissions",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("model", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("admissions_by_time", "user_id", "at"),
    Index("admissions_by_age", "at"),
)

spending = Table(
    "spending",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # days since 1970 in UTC
    Column("model", Text, primary_key=True),
    Column("key_owner", Text, primary_key=True),  # server | user
    Column("runs", Integer, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),  # in millionths of a US dollar, of those that have a price
    Column("unpriced", Integer, nullable=False),  # how many runs have none
    Index("spending_by_age", "day"),
)

entitlements = Table(
    "entitlements",
    metadata,
    Column("subject", Text, primary_key=True),  # guest | registered | service | a user's id
    Column("model", Text, primary_key=True),  # a model's id, or * for all of them together
    Column("messages", Integer),  # in any 24 hours; here and below NULL: what stands behind it holds, -1: no limit
    Column("tokens_day", BigInteger),
    Column("tokens_month", BigInteger),
    Column("cost_day", BigInteger),  # in millionths of a US dollar
    Column("cost_month", BigInteger),
)

responses = Table(
    "responses",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("request", Text, nullable=False),  # what the response object repeats of its request
    Column("deleted_at", Float),  # nobody finds it any more, though others may rest on it
    Column("request_key", LargeBinary),  # sha256 of its user and the key that came with the request
    Column("request_digest", LargeBinary),  # sha256 of its user and all that the request asked for
    Column("asked_at", Float),  # when that came last; NULL: it has its answer
    Index("responses_by_key", "request_key", unique=True, **partial("request_key IS NOT NULL")),
    Index("responses_waiting", "request_digest", "asked_at", **partial("asked_at IS NOT NULL")),
)

changes = Table(
    "changes",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("conversation_id", Text),  # whose words are in it; they go when it is deleted
    Index("changes_by_age", "created_at"),
    Index("changes_by_conversation", "conversation_id", **partial("conversation_id IS NOT NULL")),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),  # webhook | pull-wake
    Column("pattern", Text),
    Column("webhook_url", Text),
    Column("wake_stream", Text),
    Column("lease_ms", Integer, nullable=False),
    Column("description", Text),
    Column("digest", LargeBinary, nullable=False),  # of what it was asked to be
    Column("base", Text, nullable=False),  # the server's own address, as its maker called it
    Column("status", Text, nullable=False, server_default=text("'active'")),  # active | failed
    Column("generation", BigInteger, nullable=False, server_default=text("0")),
    Column("wake_id", Text),  # NULL: nobody is awake
    Column("holder", Text),  # the worker that claimed the wake
    Column("lease_until", Float),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # to deliver the present wake
    Column("next_attempt_at", Float),  # NULL: the wake is delivered
    Column("created_at", Float, nullable=False),
    Index("subscriptions_by_name", "user_id", "name", unique=True),
    Index("subscriptions_by_attempt", "next_attempt_at", **partial("next_attempt_at IS NOT NULL")),
    Index("subscriptions_by_lease", "lease_until", **partial("lease_until IS NOT NULL")),
)

subscription_streams = Table(
    "subscription_streams",
    metadata,
    Column("subscription_id", Text, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("explicit", Boolean, nullable=False),
    Column("glob", Boolean, nullable=False),
    Column("acked", BigInteger, nullable=False),  # the offset before which all is done
    Column("snapshot", BigInteger),  # the tail that the present wake told
    Column("born", Float),  # when the stream was made, which tells it from one made anew
)
