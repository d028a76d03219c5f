"""Ageing of videos and frame sequences, steady over time."""
