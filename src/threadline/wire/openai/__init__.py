"""A run's events in OpenAI's two dialects: Responses and Chat Completions."""
