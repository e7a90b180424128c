"""What is measured and drawn for models that can be read."""
