"""Experiments on methods that visualise what units of a network respond to."""
