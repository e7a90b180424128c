"""What is measured and drawn for simple models in place of a network."""
