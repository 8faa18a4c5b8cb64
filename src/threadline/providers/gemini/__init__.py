"""The dialect of Google's Gemini API, as pure functions over bytes."""

from threadline.providers.gemini.decode import Decoder
from threadline.providers.gemini.encode import Dialect, dialect_of, encode

__all__ = ["Decoder", "Dialect", "dialect_of", "encode"]
