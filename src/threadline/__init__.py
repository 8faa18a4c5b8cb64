"""Threadline: conversations with language models that never lose a token."""

__version__ = "0.1.0"
__all__ = ["__version__"]
