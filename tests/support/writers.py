"""A writing client in a pod of its own, started, stopped and asked for its report by a test: see client/writer.py."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kube import ClientPod, eventually

PROGRAM = Path(__file__).parent / "client" / "writer.py"
RATE = 500


@dataclass(frozen=True)
class Report:
    """What a writer saw. `outage` is the longest time without an acknowledgement, in seconds; times are Unix times."""

    acknowledged: int
    attempted: int
    lost: int
    outage: float
    outage_began: float
    first: float
    last: float
    errors: dict[str, int]
    first_lost: list[int]
    last_lost: list[int]

    def __str__(self) -> str:
        errors = "; ".join(f"{count} x {text}" for text, count in self.errors.items()) or "none"
        return f"{self.acknowledged} acknowledged, {self.lost} lost, outage {self.outage:.2f} s, errors: {errors}"


@dataclass
class Writing:
    """A writer that runs. `report` is there once the block of `writing` has ended."""

    pod: ClientPod
    base: str
    report: Report | None = field(default=None)

    def end(self) -> Report:
        """Let it stop and read back."""
        self.pod.run("touch", f"{self.base}.stop")
        found = eventually("the writer reports", lambda: self.pod.run("cat", f"{self.base}.json", check=False), 150)
        self.report = Report(**json.loads(found))
        return self.report


@contextmanager
def writing(pod: ClientPod, host: str, rate: float = RATE) -> Iterator[Writing]:
    """Write to `host` during the block; at its end every acknowledged key is read back."""
    base = f"/tmp/{uuid.uuid4().hex[:8]}"
    pod.run("sh", "-c", f"cat > {base}.py", stdin=PROGRAM.read_text())
    words = f"{base}.py {host} {rate} {base}.json {base}.stop"
    pod.run("sh", "-c", f"nohup python3 {words} >{base}.log 2>&1 </dev/null &")
    writer = Writing(pod, base)
    yield writer
    if writer.report is None:
        writer.end()
