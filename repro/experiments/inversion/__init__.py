"""What is measured of methods that invert a network, and their pictures."""
