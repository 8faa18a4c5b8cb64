"""What a user can do, each in one transaction; no HTTP and no provider."""
