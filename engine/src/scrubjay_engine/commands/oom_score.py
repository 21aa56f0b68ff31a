"""`oom-score-adj`: how willing the kernel is to end this process when memory runs out, by our role (proc(5), /proc/self/oom_score_adj).

`yes` and `relative` add to what the process was started with, `absolute` replaces it, `no` puts it back. The third of the `oom-score-adj-values` is for
Redis' background children, which we have not.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from scrubjay_engine.config import ConfigError

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

SCORE = Path("/proc/self/oom_score_adj")
COMMANDS: list[object] = []


def check_values(value: object) -> None:
    """Three whole numbers. Raises ValueError in Redis' words."""
    words = str(value).split()
    if len(words) != 3:
        raise ValueError("wrong number of arguments")
    for word in words:
        if not word.removeprefix("-").isdecimal() or not -2000 <= int(word) <= 2000:
            raise ValueError("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")


class OomScore:
    """Keeps the kernel's figure as the options and the role ask for it."""

    def __init__(self, server: Server) -> None:
        self._config = server.config
        self._replication = server.engine.parts["replication"]
        self._base: int | None = None  # what it was before we changed it; None: it is not ours

    def apply(self) -> None:
        """Raises ValueError where the kernel refuses: only the privileged may lower it."""
        mode = self._config.text("oom-score-adj")
        try:
            if mode == "no":
                self._restore()
                return
            if self._base is None:
                self._base = int(SCORE.read_text())
            replica = self._replication.follower is not None
            score = int(self._config.text("oom-score-adj-values").split()[1 if replica else 0])
            score += 0 if mode == "absolute" else self._base
            SCORE.write_text(str(min(max(score, -1000), 1000)))
        except OSError as error:
            log.warning("Unable to write oom_score_adj: %s", error.strerror)
            raise ValueError("Failed to apply new oom_score_adj configuration, check server logs.") from None

    def _restore(self) -> None:
        if self._base is not None:
            base, self._base = self._base, None
            SCORE.write_text(str(base))

    def follow_role(self) -> None:
        """The role has changed. A refusal is in the log; the role stands."""
        try:
            self.apply()
        except ValueError as error:
            log.warning("%s", error)


def install(server: Server) -> None:
    """Follow the options and the role."""
    try:
        check_values(server.config.text("oom-score-adj-values"))
    except ValueError as error:
        raise ConfigError(f"option 'oom-score-adj-values': {error}") from None
    score = OomScore(server)
    server.config.on_check("oom-score-adj-values", check_values)
    server.config.after_change(("oom-score-adj", "oom-score-adj-values"), score.apply)
    server.engine.parts["replication"].on_role.append(score.follow_role)
    score.follow_role()
