"""Events to bytes: one pure encoder per client dialect."""
