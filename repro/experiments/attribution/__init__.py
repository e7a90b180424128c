"""Experiments on attribution methods."""
