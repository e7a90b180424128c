"""Adversarial and fooling images."""
