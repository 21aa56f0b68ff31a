def seed(number: int) -> None:
    """Make the draws of this process repeatable (tests)."""
