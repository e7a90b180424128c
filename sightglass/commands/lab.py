"""Placeholder until the laboratory's own commands arrive."""


def run() -> None:
    """Run a method."""


def verify() -> None:
    """Measure claims."""


def train() -> None:
    """Train a network."""


def methods() -> None:
    """List methods."""
