"""The scheduler: frames are cut into batches of tiles, computed by devices, and stitched."""
