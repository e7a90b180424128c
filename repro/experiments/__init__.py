"""Experiments: what is measured and drawn for each method, on networks and scenes of the laboratory."""
