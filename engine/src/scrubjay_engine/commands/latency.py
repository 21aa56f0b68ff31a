"""LATENCY: spikes by event (`latency-monitor-threshold`), and the distribution of every command's duration."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.core.client import Client, Verbatim
from scrubjay_engine.core.command import Command, command, family
from scrubjay_engine.core.errors import CommandError

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

SAMPLES = 160  # kept for each event
GRAPH_WIDTH = 80
ADVICE = {
    "command": "Look at SLOWLOG for commands that take long, and avoid those that are O(N) on big values.",
    "fast-command": "Even fast commands were slow: look at what else the machine does (CPU limits, swapping, neighbours).",
    "expire-cycle": "Many keys expire at the same moment: spread their times to live.",
    "eviction-cycle": "Memory is full and keys are being evicted: raise maxmemory or let keys expire.",
}


class LatencyMonitor:
    """The worst of each second with a spike, by event."""

    def __init__(self, server: Server) -> None:
        self.engine = server.engine
        self.events: dict[str, deque[tuple[int, int]]] = {}
        self.worst: dict[str, int] = {}
        self.engine.on_latency = self.note
        server.config.on_change("latency-monitor-threshold", self.follow)
        server.config.on_check("latency-tracking-info-percentiles", check_percentiles)
        server.config.on_change(
            "latency-tracking-info-percentiles",
            lambda value: server.config.values.update({"latency-tracking-info-percentiles": plain(str(value))}),
        )

    def follow(self, value: object) -> None:
        milliseconds = int(str(value))
        self.engine.latency_ns = milliseconds * 1_000_000 if milliseconds else -1

    def note(self, event: str, milliseconds: int) -> None:
        """The engine's hook: an event took this long, which is over the threshold."""
        now = self.engine.keyspace.now_ms // 1000
        samples = self.events.setdefault(event, deque(maxlen=SAMPLES))
        self.worst[event] = max(self.worst.get(event, 0), milliseconds)
        if samples and samples[-1][0] == now:
            samples[-1] = (now, max(samples[-1][1], milliseconds))
        else:
            samples.append((now, milliseconds))

    def forget(self, event: str) -> bool:
        self.worst.pop(event, None)
        return self.events.pop(event, None) is not None


def check_percentiles(value: object) -> None:
    """Raises ValueError for what is no percentage."""
    try:
        shares = [float(word) for word in str(value).split()]
    except ValueError:
        raise ValueError("Invalid latency-tracking-info-percentiles parameters") from None
    if not all(0 <= share <= 100 for share in shares):
        raise ValueError("latency-tracking-info-percentiles should contain numbers between 0.0 and 100.0")


def plain(value: str) -> str:
    """`50.0 99.9` as `50 99.9`."""
    return " ".join(f"{float(word):g}" for word in value.split())


def monitor(client: Client) -> LatencyMonitor:
    found: LatencyMonitor = client.engine.parts["latency"]
    return found


def latest(client: Client, args: list[bytes]) -> list[object]:
    mine = monitor(client)
    return [[event.encode(), *samples[-1], mine.worst[event]] for event, samples in mine.events.items()]


def history(client: Client, args: list[bytes]) -> list[object]:
    samples = monitor(client).events.get(args[2].decode(errors="replace"), ())
    return [list(sample) for sample in samples]


def reset(client: Client, args: list[bytes]) -> int:
    mine = monitor(client)
    names = [word.decode(errors="replace") for word in args[2:]] or list(mine.events)
    return sum(mine.forget(name) for name in names)


def graph(client: Client, args: list[bytes]) -> Verbatim:
    event = args[2].decode(errors="replace")
    mine = monitor(client)
    if event not in mine.events:
        raise CommandError(b"ERR No samples available for event '%s'" % args[2])
    samples = list(mine.events[event])[-GRAPH_WIDTH:]
    low, high = min(value for _, value in samples), max(value for _, value in samples)
    now = client.engine.keyspace.now_ms // 1000
    rows = [f"{event} - high {high} ms, low {low} ms (all time high {mine.worst[event]} ms)", "-" * GRAPH_WIDTH]
    for level in range(3, -1, -1):
        rows.append("".join("#" if 4 * (value - low) >= level * max(high - low, 1) else " " for _, value in samples))
    rows.append("")
    ages = [_age(now - at) for at, _ in samples]
    for line in range(max(len(age) for age in ages)):
        rows.append("".join(age[line] if line < len(age) else " " for age in ages))
    return Verbatim(b"txt", "\n".join(rows).encode())


def _age(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def doctor(client: Client, args: list[bytes]) -> Verbatim:
    mine = monitor(client)
    if mine.engine.latency_ns < 0 and not mine.events:
        text = (
            "The latency monitor is off: CONFIG SET latency-monitor-threshold <milliseconds> switches it on. "
            "Choose the longest delay your users may see."
        )
    elif not mine.events:
        text = "No latency spike has been seen. All is well."
    else:
        lines = ["Latency spikes have been seen:"]
        for event, samples in mine.events.items():
            mean = sum(value for _, value in samples) / len(samples)
            lines.append(
                f"- {event}: {len(samples)} spikes, {mean:.0f} ms on average, {mine.worst[event]} ms at worst. "
                + ADVICE.get(event, "")
            )
        text = "\n".join(lines)
    return Verbatim(b"txt", text.encode() + b"\n")


def cumulative(row: Command) -> dict[bytes, object]:
    """Calls that took at most so many microseconds, by powers of two."""
    found: dict[int, int] = {}
    total = 0
    for power, calls in enumerate(row.histogram()):
        if calls:
            total += calls
            found[max(2**power // 1000, 1)] = total
    return {b"calls": total, b"histogram_usec": found}


def histogram(client: Client, args: list[bytes]) -> dict[bytes, object]:
    table = client.engine.commands
    if len(args) == 2:
        rows = list(table.all)
    else:
        rows = []
        for name in args[2:]:
            row = table.lookup(name)
            if row is not None:
                rows += [row, *(row.subcommands or {}).values()]
    return {row.name.encode(): cumulative(row) for row in rows if any(row.histogram())}


def latency_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "LATENCY",
        "DOCTOR",
        "    What the spikes say, in words.",
        "GRAPH <event>",
        "    The spikes of an event as a picture.",
        "HISTORY <event>",
        "    The spikes of an event: time and milliseconds.",
        "LATEST",
        "    The latest spike of each event.",
        "RESET [<event> ...]",
        "    Forget the spikes of these events, or of all.",
        "HISTOGRAM [COMMAND ...]",
        "    How long commands take: calls up to so many microseconds.",
    )


def install(server: Server) -> None:
    """The monitor."""
    server.engine.parts["latency"] = LatencyMonitor(server)


ADMIN = "admin noscript loading stale no_role"
POLICY = ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]
COMMANDS = family(
    "server",
    [
        command(
            "latency", None, -2, "", since="2.8.13", summary="Latency spikes.",
            subcommands=[
                command("doctor", doctor, 2, ADMIN, since="2.8.13", summary="Spikes in words.", complexity="O(1)", tips=POLICY),
                command("graph", graph, 3, ADMIN, since="2.8.13", summary="Spikes as a picture.", complexity="O(1)", tips=POLICY),
                command("help", latency_help, 2, "loading stale", since="2.8.13", summary="Help.", complexity="O(1)"),
                command("histogram", histogram, -2, ADMIN, since="7.0.0", summary="How long commands take.", complexity="O(N) commands", tips=POLICY),
                command("history", history, 3, ADMIN, since="2.8.13", summary="Spikes of an event.", complexity="O(1)", tips=POLICY),
                command("latest", latest, 2, ADMIN, since="2.8.13", summary="The latest spikes.", complexity="O(1)", tips=POLICY),
                command("reset", reset, -2, ADMIN, since="2.8.13", summary="Forget spikes.", complexity="O(1)", tips=["request_policy:all_nodes", "response_policy:all_succeeded"]),
            ],
        ),
    ],
)  # fmt: skip
