"""Models that can be read, and what makes them readable."""
