"""The OpenAI-compatible ``/chat/completions`` dialect, as pure functions over bytes."""

from threadline.providers.completions.decode import Decoder
from threadline.providers.completions.encode import CONTINUE, Dialect, dialect_of, encode

__all__ = ["CONTINUE", "Decoder", "Dialect", "dialect_of", "encode"]
