"""Measurements and pictures of the attribution methods."""
