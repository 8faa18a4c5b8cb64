"""The durable event log: append under a fence, read after an offset, follow."""
