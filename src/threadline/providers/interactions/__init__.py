"""Google's Interactions API, which keeps its answers, as pure functions over bytes."""

from threadline.providers.interactions.decode import Decoder
from threadline.providers.interactions.encode import Dialect, dialect_of, encode

__all__ = ["Decoder", "Dialect", "dialect_of", "encode"]
