"""AMGAN: AgingMapGAN networks, training data, training and the command line."""

__version__ = "0.1.0"
