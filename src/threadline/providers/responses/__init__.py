"""The Responses API of OpenAI and xAI, as pure functions over bytes."""

from threadline.providers.responses.decode import Decoder
from threadline.providers.responses.encode import Dialect, dialect_of, encode

__all__ = ["Decoder", "Dialect", "dialect_of", "encode"]
