"""What every method shares: scenes with ground truth, small networks, capture, metrics and figures."""
