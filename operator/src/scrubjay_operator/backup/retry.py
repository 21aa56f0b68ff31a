"""Bounded retries with back-off: every wait is announced, every retry is counted, and the last error is the one that is told."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from scrubjay_operator.backup.errors import BackupError

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `attempts` attempts, with `first_s`, 2 x `first_s`, 4 x ... up to `most_s` seconds between them, each shortened by chance by up to a half."""

    attempts: int = 6
    first_s: float = 0.5
    most_s: float = 15.0
    sleep: Callable[[float], None] = time.sleep

    def delay(self, attempt: int) -> float:
        """Seconds to wait after this attempt (the first is 1)."""
        return min(self.most_s, self.first_s * float(1 << (attempt - 1)))

    def run(self, what: str, work: Callable[[], T]) -> T:
        """The result of `work`, tried again while it fails with an error that may pass. Raises its last BackupError, with the number of attempts."""
        for attempt in range(1, self.attempts + 1):
            try:
                return work()
            except BackupError as error:
                if not error.again:
                    raise
                if attempt == self.attempts:
                    raise BackupError(
                        error.reason, f"{error} (attempt {attempt} of {self.attempts})", later=True
                    ) from error
                delay = self.delay(attempt) * random.uniform(0.5, 1.0)
                log.warning(
                    "%s failed (attempt %d of %d), again in %.1f s: %s", what, attempt, self.attempts, delay, error
                )
                self.sleep(delay)
        raise AssertionError("unreachable: the last attempt returns or raises")
