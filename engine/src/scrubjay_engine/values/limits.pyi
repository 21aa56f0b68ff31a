NAMES: tuple[str, ...]

def set_limit(name: str, value: int) -> None:
    """Set a threshold by its option's name; KeyError for an unknown one."""

def get_limit(name: str) -> int: ...
