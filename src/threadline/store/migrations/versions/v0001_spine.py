"""Users, sessions, conversations, messages, runs and changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first schema."""
    _users()
    _conversations()
    _messages()
    _runs()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("feed_seq", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "changes",
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("changes_by_age", "changes", ["created_at"])


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("title_by", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("settings", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("leaf_id", sa.Text()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("deleted_at", sa.Float()),
    )
    op.create_index("conversations_by_activity", "conversations", ["user_id", "updated_at", "id"])
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index("conversations_deleted", "conversations", ["deleted_at"], sqlite_where=deleted)


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("conversation_id", sa.Text(), sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("client_id", sa.Text()),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text()),
        sa.Column("metadata", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("run_id", sa.Text()),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("messages_in_conversation", "messages", ["conversation_id", "created_at", "id"])
    op.create_index("messages_by_client_id", "messages", ["conversation_id", "client_id", "created_at", "id"])
    op.create_index("messages_by_parent", "messages", ["conversation_id", "parent_id", "created_at", "id"])


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("conversation_id", sa.Text(), sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("after_run_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("key_owner", sa.Text(), nullable=False, server_default=sa.text("'server'")),
        sa.Column("epoch", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("worker", sa.Text()),
        sa.Column("lease_until", sa.Float()),
        sa.Column("cancel", sa.Text()),
        sa.Column("finish_reason", sa.Text()),
        sa.Column("usage", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("next_offset", sa.BigInteger()),
        sa.Column("trail", sa.LargeBinary()),
        sa.Column("trimmed_at", sa.Float()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float()),
        sa.Column("ended_at", sa.Float()),
    )
    op.create_index("runs_in_conversation", "runs", ["conversation_id", "created_at", "id"])
    op.create_index("runs_by_status", "runs", ["status", "lease_until"])
    op.create_index("runs_by_end", "runs", ["trimmed_at", "ended_at"])
    op.create_index("runs_by_message", "runs", ["message_id"])
    op.create_index("runs_by_state", "runs", ["conversation_id", "status"])
