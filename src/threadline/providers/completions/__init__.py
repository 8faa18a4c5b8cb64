"""The OpenAI-compatible ``/chat/completions`` dialect, as pure functions over bytes."""

from threadline.providers.completions.decode import Decoder
from threadline.providers.completions.encode import Dialect, dialect_of, encode
from threadline.providers.history import CONTINUE

__all__ = ["CONTINUE", "Decoder", "Dialect", "dialect_of", "encode"]
