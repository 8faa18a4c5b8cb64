"""What the outer tests stand on: real processes, light clients, a fake provider, a power cut."""
