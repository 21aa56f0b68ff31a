"""Which role a managed node has, by whose order: epochs, promises, versions and the lease. Pure, but for the file it is kept in.

The protocol is docs/architecture/admin-protocol.md; the rules are numbered there and here:
1. A process starts in role `waiting`, whatever it was before: only an order makes it primary or replica.
2. `epoch` and `promise` never decrease, `epoch <= promise` after any order, and both are on disk before the answer goes out.
3. It becomes primary only in an epoch above its own and not below its promise; repeating the order that made it primary changes nothing.
4. It follows only in an epoch not below its own and its promise. A primary is never turned into a replica within its own epoch: two orders of one epoch that
   disagree come from two operators, and the second is refused.
5. An order with an older version, and anything with an older term, is refused: it was on its way when a newer one was made.
6. A lease, granted for a reading of the node's own clock, ends at that reading + ttl: a late or repeated grant cannot lengthen it. It is needed while the confirm set is
   not empty.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

Role = Literal["waiting", "primary", "replica"]
Version = tuple[int, int]


class Refused(Exception):
    """An order that is not followed. `code` is one of the admin protocol's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Address:
    """The primary that a replica is told to follow."""

    uid: str
    host: str
    port: int


@dataclass(frozen=True)
class RoleState:
    """What a node knows of its role. `last_role` is what it was before the process started, for status only."""

    role: Role = "waiting"
    epoch: int = 0
    promise: int = 0
    version: Version = (0, 0)
    term: int = 0
    primary: Address | None = None
    confirm: tuple[str, ...] = ()
    ack: tuple[str, ...] = ()
    last_role: Role = "waiting"
    lease_until: int = 0

    def lease_left(self, clock: int) -> int | None:
        """Milliseconds until the lease ends (negative: over); None when no lease is needed."""
        if self.role != "primary" or not self.confirm:
            return None
        return self.lease_until - clock


def check_version(state: RoleState, version: Version) -> None:
    """Rule 5 for an order."""
    if version < state.version or version[0] < state.term:
        known = max(state.version, (state.term, 0))
        raise Refused(
            "STALE",
            f"version {list(version)} is older than the newest I took, {list(known)}: ask again with a newer one",
        )


def probed(state: RoleState, term: int | None) -> RoleState:
    """Rule 5 for a probe; a newer term is remembered."""
    if term is None:
        return state
    if term < state.term:
        raise Refused("STALE", f"term {term} is older than one I heard of, {state.term}: another operator leads")
    return replace(state, term=term)


def granted(state: RoleState, reading: int, ttl: int, clock: int) -> RoleState:
    """Rule 6: the lease ends at reading + ttl, unless it ends later already. A reading from the future is none of ours."""
    if state.role != "primary":
        raise Refused("ROLE", f"a grant is for a primary, and I am {state.role}")
    if reading > clock:
        raise Refused(
            "BAD", f"grant.reading {reading} lies ahead of my clock, {clock}: it was read from another process"
        )
    return replace(state, lease_until=max(state.lease_until, reading + ttl))


def promised(state: RoleState, epoch: int) -> RoleState:
    """Promise an epoch: no order of a lower one is taken from now on."""
    if epoch < state.promise:
        raise Refused("PROMISED", f"epoch {state.promise} was promised, and {epoch} is below it")
    return replace(state, promise=epoch)


def promoted(
    state: RoleState, epoch: int, version: Version, confirm: tuple[str, ...], ack: tuple[str, ...]
) -> RoleState:
    """Rule 3."""
    check_version(state, version)
    if epoch < state.promise:
        raise Refused(
            "STALE", f"epoch {epoch} is older than the one I promised, {state.promise}: ask again with the newest"
        )
    if not set(ack) <= set(confirm):
        raise Refused("BAD", "ack names nodes that confirm does not")
    if state.role == "primary" and epoch == state.epoch:
        return replace(state, version=version, term=max(state.term, version[0]))
    if epoch <= state.epoch:
        raise Refused("STALE", f"epoch {epoch} is not above mine, {state.epoch}: ask again with the newest")
    return RoleState("primary", epoch, epoch, version, max(state.term, version[0]), None, confirm, ack, state.last_role)


def following(state: RoleState, epoch: int, version: Version, primary: Address) -> RoleState:
    """Rule 4."""
    check_version(state, version)
    newest = max(state.epoch, state.promise)
    if epoch < newest:
        raise Refused("STALE", f"epoch {epoch} is older than mine, {newest}: ask again with the newest")
    if state.role == "primary" and epoch == state.epoch:
        raise Refused("ROLE", f"I am the primary of epoch {epoch}: to make me follow takes a higher one")
    return RoleState(
        "replica",
        epoch,
        max(epoch, state.promise),
        version,
        max(state.term, version[0]),
        primary,
        last_role=state.last_role,
    )


def load(path: Path) -> RoleState:
    """What the file says, in role `waiting` (rule 1); a fresh state when there is none. ValueError when it is damaged: then a person must
    look, since a promise may be lost."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return RoleState()
    try:
        kept = json.loads(text)
        version = (int(kept["version"][0]), int(kept["version"][1]))
        return RoleState(
            "waiting", int(kept["epoch"]), int(kept["promise"]), version, int(kept["term"]), last_role=kept["role"]
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"{path} is damaged ({error!r}): remove it only if this node may forget what it promised"
        ) from error


def save(path: Path, state: RoleState) -> None:
    """Write the file so that a crash leaves the old one or the new one, whole."""
    kept = {name: value for name, value in asdict(state).items() if name not in ("lease_until", "last_role")}
    scratch = path.with_suffix(".new")
    with scratch.open("w") as file:
        json.dump(kept, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
