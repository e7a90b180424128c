"""What a unit, a filter or a class looks for: images found, projected back to the pixels, or synthesised."""
