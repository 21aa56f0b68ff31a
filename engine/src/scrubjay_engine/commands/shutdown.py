"""SHUTDOWN and its signals: let replicas catch up, save where that is asked for, and end; or say why not.

Part `engine.shutdown`. Replicas get up to `shutdown-timeout` seconds; the data is saved when there are save points or SAVE says so. What cannot be saved stops
the shutdown, unless FORCE is given.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scrubjay_engine.core.client import NO_REPLY, Client
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import SYNTAX, CommandError

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

FAILED = CommandError("ERR Errors trying to SHUTDOWN. Check logs.")


class Insisted(BaseException):
    """A second signal while the data is being saved: end without it."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within it the loop stands still, so signals are taken as they come: as Insisted."""

    def insist(*_: object) -> None:
        raise Insisted

    before = {number: signal.signal(number, insist) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Wish:
    """How to end."""

    save: bool | None = None
    now: bool = False
    force: bool = False


def parse(words: list[str]) -> Wish:
    """The options of SHUTDOWN and of `shutdown-on-sigterm`. Raises CommandError."""
    given = {word.upper() for word in words}
    if not given <= {"SAVE", "NOSAVE", "NOW", "FORCE", "DEFAULT"} or {"SAVE", "NOSAVE"} <= given:
        raise SYNTAX
    save = True if "SAVE" in given else False if "NOSAVE" in given else None
    return Wish(save, "NOW" in given, "FORCE" in given)


class Shutdown:
    """Ends the server in order."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = server.engine
        self.wish: Wish | None = None
        self.until = 0.0
        self._waiting: list[Client] = []

    def on_signal(self, name: str) -> None:
        """SIGTERM or SIGINT."""
        if self.wish is not None:
            self.finish(Wish(self.wish.save, True, self.wish.force))  # somebody insists
            return
        wish = parse(self.server.config.words(f"shutdown-on-{name.lower()}"))
        if self._timers_paused:
            self.wish, self.until = wish, math.inf
            return
        self.begin(wish, None)

    @property
    def _timers_paused(self) -> bool:
        """DEBUG PAUSE-CRON: signals are taken up by a timer in Redis, and so wait with it."""
        return bool(self.engine.parts.get("cron_paused"))

    def begin(self, wish: Wish, client: Client | None) -> object:
        """Start to end; the client, if there is one, waits for what comes of it."""
        log.warning("User requested shutdown...")
        lagging = self.lagging()
        if client is not None and client.may_block:
            self._waiting.append(client)
        if wish.now or not lagging or not self.server.config.number("shutdown-timeout"):
            self.finish(wish)
            return NO_REPLY
        seconds = self.server.config.number("shutdown-timeout")
        self.wish, self.until = wish, time.monotonic() + seconds
        log.warning(
            "Waiting for replicas before shutting down: %d lagging, for at most %d seconds", len(lagging), seconds
        )
        self.engine.replication.ask_for_acks()
        if client is not None and client.may_block:
            return client.block([], lambda _: None, 0, lambda: FAILED, kind="shutdown")
        return NO_REPLY

    def lagging(self) -> list[Any]:
        """Replicas that do not have everything."""
        replication = self.engine.replication
        return [
            link
            for link in replication.links.values()
            if link.state == "online" and link.acknowledged < replication.offset
        ]

    def look(self) -> None:
        """Timer: whether the wait is over."""
        if self.wish is None or self._timers_paused:
            return
        if not self.lagging() or time.monotonic() >= self.until:
            self.finish(self.wish)
        else:
            self.engine.replication.ask_for_acks()

    def abort(self) -> bool:
        """SHUTDOWN ABORT: False when nothing is under way."""
        if self.wish is None:
            return False
        log.warning("Shutdown manually aborted.")
        self.wish = None
        self._tell_failed()
        return True

    def _tell_failed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for client in waiting:
            if not client.closed and not self.engine.blocking.unblock(client, FAILED):
                client.reply(FAILED)

    def finish(self, wish: Wish) -> None:
        """Save what is to be saved and stop; tells who waits when that fails."""
        self.wish = None
        self._report_replicas()
        if self._save(wish) or wish.force:
            self.server.stop()
            return
        log.warning("Errors trying to shut down the server. Check the logs for more information.")
        self._tell_failed()

    def _report_replicas(self) -> None:
        replication = self.engine.replication
        for link in self.lagging():
            behind = replication.offset - link.acknowledged
            log.warning(
                "Lagging replica %s:%d reported offset %d behind master, lag=%d, state=%s.",
                link.host,
                link.port,
                behind,
                link.lag,
                link.state,
            )
        if replication.links:
            log.warning(
                "%d of %d replicas are in sync when shutting down.",
                len(replication.links) - len(self.lagging()),
                len(replication.links),
            )

    def _save(self, wish: Wish) -> bool:
        persistence, aof = self.engine.persistence, self.engine.aof
        if aof.first_rewrite and not wish.force:
            log.warning("Writing initial AOF, can't exit.")
            return False
        current = persistence.images.current
        if current is not None:
            current.abort("the server is ending")
            while current.snapshot.step(50_000_000):
                pass
        if wish.save is False or (wish.save is None and not persistence.points()):
            return True
        log.warning("Saving the final RDB snapshot before exiting.")
        try:
            with ended_by_signals():
                persistence.write_file(persistence.path, bytes, persistence.exact)
        except Insisted:
            log.warning("You insist... exiting now.")
        except OSError as error:
            log.warning("Error trying to save the DB, can't exit: %s", error)
            return False
        return True


def shutdown(client: Client, args: list[bytes]) -> object:
    part: Shutdown = client.engine.shutdown
    words = [word.decode(errors="replace") for word in args[1:]]
    if [word.upper() for word in words] == ["ABORT"]:
        if not part.abort():
            raise CommandError("ERR No shutdown in progress.")
        return "OK"
    wish = parse(words)
    run = client.engine.scripting.run
    if run.timed_out:
        # Beside a script that does not end: only without saving, and at once, since no timer runs meanwhile.
        if wish.save is not False:
            raise run.busy_error()
        wish = replace(wish, now=True)
    return part.begin(wish, client)


def install(server: Server) -> None:
    """The part `shutdown`, its timer, and INFO's line about it."""
    part = server.engine.parts["shutdown"] = Shutdown(server)
    server.every(0.1, part.look)
    sections = server.engine.parts["info"]
    plain = sections["server"]

    def with_shutdown(server: Server) -> list[tuple[str, object]]:
        rows = list(plain(server))
        if part.wish is not None:
            rows.append(("shutdown_in_milliseconds", max(int((part.until - time.monotonic()) * 1000), 0)))
        return rows

    sections["server"] = with_shutdown


COMMANDS = family(
    "server",
    [
        command("shutdown", shutdown, -1, "admin noscript loading stale no_multi allow_busy", since="1.0.0", summary="Stop the server.", complexity="O(N) when saving"),
    ],
)  # fmt: skip
