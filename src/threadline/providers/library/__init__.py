"""The long tail of providers, called through pydantic-ai where that is installed: the extra ``library``."""

from threadline.providers.library.provider import Library

__all__ = ["Library"]
