"""Engines: what turns tiles into aged tiles, and the scheduler that keeps them busy."""
