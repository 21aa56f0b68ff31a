"""What a managed node must never forget, in a small file: role, epoch, promise. Written before the order that changed it is answered.

Called by replication/node.py; what the fields mean is said in replication/authority.py.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

from scrubjay_engine.replication.authority import Kept


def load(path: Path) -> Kept:
    """What the file says; nothing known when there is none. ValueError when it is damaged: then a person must look, since a promise may be lost."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Kept()
    try:
        found = json.loads(text)
        numbers = (int(found["epoch"]), int(found["promise"]), int(found["term"]), int(found.get("data_epoch", 0)))
        return Kept(found["role"], *numbers)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"{path} is damaged ({error!r}): remove it only if this node may forget what it promised"
        ) from error


def save(path: Path, kept: Kept) -> None:
    """Write the file so that a crash leaves the old one or the new one, whole."""
    scratch = path.with_suffix(".new")
    with scratch.open("w") as file:
        json.dump(asdict(kept), file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
