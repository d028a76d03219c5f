"""Training: configuration, steps, loop, state and its pictures."""
