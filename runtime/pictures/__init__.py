"""Pictures that explain: maps, atlases and sweeps."""
