"""The dialect of Anthropic's ``/messages``, as pure functions over bytes."""

from threadline.providers.messages.decode import Decoder
from threadline.providers.messages.encode import Dialect, dialect_of, encode

__all__ = ["Decoder", "Dialect", "dialect_of", "encode"]
