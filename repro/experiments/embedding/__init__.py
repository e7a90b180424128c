"""What is measured and drawn for methods that embed."""
