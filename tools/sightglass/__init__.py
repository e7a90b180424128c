"""Sightglass: a library of the literature on looking inside convolutional networks."""

__version__ = "0.1.0"
