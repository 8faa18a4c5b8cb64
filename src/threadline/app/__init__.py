"""The composition root: everything is built here, handed down, and closed in reverse."""
