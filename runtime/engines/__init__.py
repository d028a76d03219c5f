"""Engines that run the generator on tiles, and the scheduler that feeds them."""
