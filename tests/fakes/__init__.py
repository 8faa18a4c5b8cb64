"""Stand-ins for the world outside, which tests and benchmarks run on loopback."""
