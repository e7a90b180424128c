"""What several methods share: tensors in, tensors out, no data, no pictures."""
