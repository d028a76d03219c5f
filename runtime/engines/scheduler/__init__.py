"""The scheduler: cuts frames into batches of tiles, has devices compute them, and stitches the results."""
