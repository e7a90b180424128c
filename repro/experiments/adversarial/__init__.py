"""Experiments on adversarial and fooling images."""
