"""The steps by which an older database becomes one of today's schema; Alembic's environment."""
