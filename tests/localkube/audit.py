"""What was written to the API server, by whom: read from its audit log.

For tests that say "the operator then writes nothing" or count how many requests a change costs. A write is in the log before
its client has the answer (audit-log-mode blocking), so there is nothing to wait for. Reads and Leases are not logged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Write:
    """One request that changed, or tried to change, something."""

    user: str
    agent: str
    verb: str
    resource: str  # with the subresource: cacheclusters/status
    namespace: str
    name: str
    code: int


@dataclass(frozen=True)
class AuditLog:
    path: Path

    def mark(self) -> int:
        """A place in the log, to count from later."""
        return len(self._whole_lines()) if self.path.exists() else 0

    def writes(self, since: int = 0, user: str = "", agent: str = "") -> list[Write]:
        """The writes after ``since`` whose user name and user agent contain these texts."""
        if not self.path.exists():
            return []
        found = [_write(json.loads(line)) for line in self._whole_lines()[since:].splitlines()]
        return [write for write in found if user in write.user and agent in write.agent]

    def _whole_lines(self) -> bytes:
        """The log without a last line that is still being written."""
        text = self.path.read_bytes()
        return text[: text.rfind(b"\n") + 1]


def _write(event: dict[str, object]) -> Write:
    user, target = event.get("user"), event.get("objectRef")
    status = event.get("responseStatus")
    user = user if isinstance(user, dict) else {}
    target = target if isinstance(target, dict) else {}
    status = status if isinstance(status, dict) else {}
    resource = "/".join(filter(None, (target.get("resource", ""), target.get("subresource", ""))))
    return Write(
        user=user.get("username", ""),
        agent=str(event.get("userAgent", "")),
        verb=str(event.get("verb", "")),
        resource=resource or str(event.get("requestURI", "")),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=int(status.get("code", 0)),
    )
