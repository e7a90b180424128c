"""What a representation keeps of an image, by going back from it to an image."""
