"""Why a server does not start, in words for the person who started it."""

from __future__ import annotations


class CannotStart(Exception):
    """Something about this machine is in the way. The message says what, and what to do."""
