"""Model dialects: events out of providers' bytes."""
