"""Pictures of maps, atlases and sweeps."""
