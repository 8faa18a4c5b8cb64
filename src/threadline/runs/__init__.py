"""Runs fulfil what was asked: driven by the queue, never by a connection."""
