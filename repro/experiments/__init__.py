"""What the methods are measured by: one module each, with its claims' numbers and its figure."""
