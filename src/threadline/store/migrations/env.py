"""What Alembic runs for each command: the steps, on the connection that it was handed."""

from __future__ import annotations

from alembic import context

from threadline.store.tables import metadata

# SQLite changes a table by making it anew; Alembic calls that batch mode.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
