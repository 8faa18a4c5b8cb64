"""Accounts and whose keys, limits and conversations are whose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_USER = ("users.id", "CASCADE")
_CONVERSATION = ("conversations.id", "CASCADE")


def upgrade() -> None:
    """Tell users and what they have more of themselves, and make the tables of what they may do and did."""
    _more_columns()
    _signing_in()
    _keys_and_audit()
    _sharing()
    _spending()


def _more_columns() -> None:
    op.add_column("users", sa.Column("email", sa.Text()))
    op.add_column("users", sa.Column("email_verified_at", sa.Float()))
    op.add_column("users", sa.Column("password_hash", sa.Text()))
    op.add_column("users", sa.Column("role", sa.Text(), nullable=False, server_default=sa.text("'user'")))
    op.add_column("users", sa.Column("disabled_at", sa.Float()))
    op.add_column("users", sa.Column("preferences", sa.Text(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("users", sa.Column("deleted_at", sa.Float()))
    op.add_column("users", sa.Column("heir_id", sa.Text()))
    op.create_index("users_by_email", "users", ["email"], unique=True)
    op.create_index("users_deleted", "users", ["deleted_at"], sqlite_where=sa.text("deleted_at IS NOT NULL"))
    op.create_index("users_by_kind", "users", ["kind", "created_at"])
    op.create_index("users_by_age", "users", ["created_at", "id"])
    op.add_column("sessions", sa.Column("agent", sa.Text()))
    op.add_column("sessions", sa.Column("address", sa.Text()))
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.add_column("tokens", sa.Column("scopes", sa.Text(), nullable=False, server_default=sa.text("'all'")))
    op.add_column("tokens", sa.Column("expires_at", sa.Float()))
    private = sa.text("'private'")
    op.add_column("conversations", sa.Column("visibility", sa.Text(), nullable=False, server_default=private))
    op.add_column("messages", sa.Column("author_id", sa.Text()))
    op.add_column("runs", sa.Column("author_id", sa.Text()))
    op.add_column("runs", sa.Column("cost", sa.BigInteger()))
    said = sa.text("author_id IS NOT NULL")
    op.create_index("messages_by_author", "messages", ["author_id"], sqlite_where=said)
    op.create_index("runs_by_author", "runs", ["author_id"], sqlite_where=said)


def _signing_in() -> None:
    op.create_table(
        "identities",
        sa.Column("provider", sa.Text(), primary_key=True),
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey(_USER[0], ondelete=_USER[1]), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "logins",
        sa.Column("state_hash", sa.LargeBinary(), primary_key=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), sa.ForeignKey(_USER[0], ondelete=_USER[1])),
        sa.Column("links", sa.Boolean(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("used_at", sa.Float()),
    )
    op.create_index("ix_logins_created_at", "logins", ["created_at"])
    op.create_index("ix_logins_user_id", "logins", ["user_id"])
    op.create_table(
        "throttles",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
    )
    op.create_index("ix_throttles_since", "throttles", ["since"])


def _keys_and_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor_id", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("details", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
    )
    op.create_index("audit_by_age", "audit", ["at", "id"])
    op.create_index("audit_by_actor", "audit", ["actor_id", "at", "id"])
    op.create_index("audit_by_action", "audit", ["action", "at", "id"])
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey(_USER[0], ondelete=_USER[1]), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text()),
        sa.Column("master", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_four", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("used_at", sa.Float()),
    )
    op.create_index("ix_keys_master", "keys", ["master"])
    op.create_index("keys_by_provider", "keys", ["user_id", "provider"], unique=True)


def _sharing() -> None:
    op.create_table(
        "participants",
        sa.Column(
            "conversation_id",
            sa.Text(),
            sa.ForeignKey(_CONVERSATION[0], ondelete=_CONVERSATION[1]),
            primary_key=True,
        ),
        sa.Column("user_id", sa.Text(), sa.ForeignKey(_USER[0], ondelete=_USER[1]), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("share_id", sa.Text()),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_participants_user_id", "participants", ["user_id"])
    op.create_table(
        "shares",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column(
            "conversation_id", sa.Text(), sa.ForeignKey(_CONVERSATION[0], ondelete=_CONVERSATION[1]), nullable=False
        ),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("email", sa.Text()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float()),
    )
    op.create_index("ix_shares_conversation_id", "shares", ["conversation_id"])
    ending = sa.text("expires_at IS NOT NULL")
    op.create_index("shares_by_end", "shares", ["expires_at"], sqlite_where=ending)


def _spending() -> None:
    op.create_table(
        "admissions",
        sa.Column("run_id", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey(_USER[0], ondelete=_USER[1]), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index("admissions_by_time", "admissions", ["user_id", "at"])
    op.create_index("admissions_by_age", "admissions", ["at"])
    op.create_table(
        "spending",
        sa.Column("user_id", sa.Text(), sa.ForeignKey(_USER[0], ondelete=_USER[1]), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("model", sa.Text(), primary_key=True),
        sa.Column("key_owner", sa.Text(), primary_key=True),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.Integer(), nullable=False),
    )
    op.create_index("spending_by_age", "spending", ["day"])
    op.create_table(
        "entitlements",
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("model", sa.Text(), primary_key=True),
        sa.Column("messages", sa.Integer()),
        sa.Column("tokens_day", sa.BigInteger()),
        sa.Column("tokens_month", sa.BigInteger()),
        sa.Column("cost_day", sa.BigInteger()),
        sa.Column("cost_month", sa.BigInteger()),
    )
