"""What a running backup says: a line of JSON about each second on standard output, which the operator reads from the pod's log, and the result at its end.

The result is also written to the container's termination message, where the operator finds it when the log is gone.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from scrubjay_operator.backup.errors import BackupError

EVERY_S = 1.0
TERMINATION = Path("/dev/termination-log")
TERMINATION_LIMIT = 4000


class Progress:
    """Counters of one run; safe to use from several threads."""

    def __init__(self, phase: str = "Starting") -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._told = 0.0
        self.phase = phase
        self.percent = 0
        self.bytes = 0

    def enter(self, phase: str) -> None:
        """The next phase begins; it is told at once."""
        with self._lock:
            self.phase = phase
        self.tell(now=True)

    def add(self, count: int) -> None:
        """So many bytes more were stored or read."""
        with self._lock:
            self.bytes += count
        self.tell()

    def reach(self, percent: float) -> None:
        """The share that is done; never goes back, and is 100 only at the end."""
        with self._lock:
            self.percent = max(self.percent, min(99, int(percent)))

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def tell(self, *, now: bool = False) -> None:
        """A line of progress, at most one a second unless `now`."""
        with self._lock:
            moment = time.monotonic()
            if not now and moment - self._told < EVERY_S:
                return
            self._told = moment
            line = {"phase": self.phase, "percent": self.percent, "bytes": self.bytes}
        print(json.dumps(line), flush=True)


def tell_result(result: dict[str, Any]) -> None:
    """The last line, and the termination message where there is one."""
    text = json.dumps(result)
    print(text, flush=True)
    if TERMINATION.exists():
        TERMINATION.write_text(text[:TERMINATION_LIMIT])


def failed(error: BackupError) -> dict[str, Any]:
    """The result of a run that failed."""
    print(f"{error.reason}: {error}", file=sys.stderr, flush=True)
    return {"phase": "Failed", "reason": error.reason, "message": str(error)[:3000]}
