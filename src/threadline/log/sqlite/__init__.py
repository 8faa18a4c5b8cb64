"""The log in an SQLite file of its own: the embedded default."""

from threadline.log.sqlite.log import SqliteLog

__all__ = ["SqliteLog"]
