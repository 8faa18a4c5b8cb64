"""Relational tables and the only SQL outside the log's engines, one file per family."""
