"""This node's id and topology on disk (`cluster-config-file`), so that a restarted node knows its slots before anybody has told it anything.

A write is whole or not there: a new file, synced, renamed over the old one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from scrubjay_engine.cluster.document import from_document, to_document
from scrubjay_engine.cluster.topology import Topology, TopologyError


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file holds."""

    node_id: str
    topology: Topology


class Store:
    """The file; `path` is fixed for the life of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Kept | None:
        """What was kept, None when there is no file. Raises TopologyError when it can't be understood."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return None
        try:
            document = json.loads(text)
            return Kept(document["node"], from_document(document["topology"]))
        except (ValueError, KeyError, TypeError) as error:
            raise TopologyError(f"{self.path} is not a topology kept by this engine: {error}") from error

    def write(self, kept: Kept) -> None:
        """Keep this from now on. Raises OSError."""
        text = json.dumps({"node": kept.node_id, "topology": to_document(kept.topology)}, indent=1) + "\n"
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        with fresh.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
