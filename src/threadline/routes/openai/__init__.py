"""``/v1/responses``, ``/v1/chat/completions`` and ``/v1/models``: all models, for programs that speak OpenAI's."""
