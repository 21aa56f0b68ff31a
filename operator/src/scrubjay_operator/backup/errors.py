"""What can go wrong with a backup, each with one word for a condition and a sentence for a person."""


class BackupError(Exception):
    """A backup, a check or a restore failed. `reason` is one CamelCase word; `again` says whether another attempt at once may succeed, `later`
    whether another run may, after all attempts of this one."""

    def __init__(self, reason: str, message: str, *, again: bool = False, later: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.again = again
        self.later = later or again
