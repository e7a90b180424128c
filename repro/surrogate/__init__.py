"""Simple models fitted to what the network says: near one image, or everywhere."""
