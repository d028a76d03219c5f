"""Training: configuration, steps, loop, state and picture grids."""
