"""What this node may do: be primary, follow, promise, acknowledge. A state machine without I/O; the clock and `persist` are handed in.

Called by replication/node.py (the admin port's orders) and, unchanged, by the model in tests/promotion. The protocol for one shard, in words:

Fence: once a node has acknowledged a write in epoch e, no node acknowledges one in a lower epoch. Durability: with `acknowledgements: n >= 1` a promoted node
holds every acknowledged write, as long as fewer than n holders lose their data at once. What this side does for that:

1. A grant names a reading of this node's own clock, and the lease ends at reading + ttl: a late or repeated grant never lengthens it.
2. A primary with an empty confirm set needs no lease, since nobody can be promoted over it. Any other acknowledges only while `leads()`.
3. Without a grant for ALONE_MS it asks all nodes of its confirm set. Each says yes only as a replica of that very epoch that has promised nothing newer. All
   yes: the lease is renewed from the moment of the question. One missing: it is not.
4. Anything of a lower term is refused.
6. A node joins the confirm set only when it holds everything that was ever acknowledged. While it catches up (`joining`) replies wait for it too, so it gets there
   under any load. The ack set shrinks only when every acknowledged write is on enough of those that stay.
7. An order about the sets needs a newer version than the last; one that names a version alone changes nothing and voids all older ones.
8. A reply at an offset waits for `needed` nodes of the ack set: n in the strict form, else min(n, size of the confirm set), never of the ack set.
10. A promise is on disk before it is answered; from then on this node neither follows nor confirms in a lower epoch, nor is primary in one.
13. It becomes primary only in an epoch above its own and not below its promise; then its sets are exactly those of the order.
14. It follows in any epoch that is not below its own or its promise; a process that starts is `waiting`, whatever it was before.

Rules 5, 9, 11, 12 and 15 are the operator's (plan/promotion.py and plan/members.py there).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

Role = Literal["waiting", "primary", "replica"]
Version = tuple[int, int]

TTL_MS = 3000
ALONE_MS = 1000


class Refused(Exception):
    """An order that is not followed. `code` is one of the admin protocol's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Address:
    """Where another node listens: the client port of a primary to follow, the admin port of a node of the confirm set."""

    uid: str
    host: str
    port: int


@dataclass(frozen=True)
class Kept:
    """What survives the process. `data_epoch` is the epoch of the primary whose stream the data belongs to."""

    role: Role = "waiting"
    epoch: int = 0
    promise: int = 0
    term: int = 0
    data_epoch: int = 0


class Authority:
    """The state of one node. `clock` gives milliseconds of its own monotonic clock; `persist` has a `Kept` on disk when it returns."""

    def __init__(self, clock: Callable[[], int], persist: Callable[[Kept], None], kept: Kept | None = None) -> None:
        self._clock, self._persist = clock, persist
        before = kept or Kept()
        self.last_role = before.role
        self.kept = replace(before, role="waiting")
        self.primary: Address | None = None
        self.whole = False  # holds everything that it ever confirmed: not after a restart, until it is in sync again
        self._reset()

    def _reset(self) -> None:
        """Nothing of an earlier reign is left."""
        self.version: Version = (0, -1)
        self.confirm: dict[str, Address] = {}
        self.joining: dict[str, Address] = {}
        self.ack: frozenset[str] = frozenset()
        self.needed = 0
        self.strict = False
        self.lease_until = 0
        self.granted_at = 0
        self.top = 0  # the highest offset that a client was told of
        self._held: dict[str, int] = {}
        self._question: tuple[int, set[str]] | None = None

    def _keep(self, kept: Kept) -> None:
        if kept != self.kept:
            self._persist(kept)
            self.kept = kept

    @property
    def role(self) -> Role:
        return self.kept.role

    @property
    def epoch(self) -> int:
        return self.kept.epoch

    # Leases: rules 1 to 4.

    def probed(self, term: int | None) -> None:
        """Rule 4; a newer term is remembered."""
        if term is None:
            return
        if term < self.kept.term:
            raise Refused(
                "STALE", f"term {term} is older than one I heard of, {self.kept.term}: another operator leads"
            )
        self.kept = replace(
            self.kept, term=term
        )  # on disk with the next order; a restarted process obeys no old connection

    def granted(self, epoch: int, reading: int, ttl: int) -> None:
        """Rule 1. A reading from the future was not read from this process."""
        if self.role != "primary" or epoch != self.epoch:
            raise Refused(
                "ROLE", f"a grant for the primary of epoch {epoch}, and I am {self.role} in epoch {self.epoch}"
            )
        now = self._clock()
        if reading > now:
            raise Refused(
                "BAD", f"grant.reading {reading} lies ahead of my clock, {now}: it was read from another process"
            )
        self.lease_until = max(self.lease_until, reading + ttl)
        self.granted_at = now

    @property
    def needs_lease(self) -> bool:
        """Rule 2."""
        return self.role == "primary" and bool(self.confirm)

    def lease_left(self) -> int | None:
        """Milliseconds until the lease ends (0 or less: over); None when none is needed."""
        return self.lease_until - self._clock() if self.needs_lease else None

    def leads(self) -> bool:
        """May this node acknowledge right now?"""
        left = self.lease_left()
        return self.role == "primary" and (left is None or left > 0)

    def question(self) -> int | None:
        """Rule 3: the reading to ask the confirm set with, when the time for it has come. Asking again voids the answers to earlier questions."""
        now = self._clock()
        if not self.needs_lease or now - self.granted_at <= ALONE_MS:
            return None
        self._question = (now, set())
        return now

    def confirms(self, epoch: int) -> None:
        """Rule 3, the other side: raises Refused unless the primary of that epoch may go on."""
        if self.kept.promise > epoch:
            raise Refused("PROMISED", f"epoch {self.kept.promise} was promised, which is above {epoch}")
        if self.role != "replica" or epoch != self.epoch:
            raise Refused("ROLE", f"I am {self.role} in epoch {self.epoch}, no replica of epoch {epoch}")

    def confirmed(self, uid: str, epoch: int, reading: int) -> bool:
        """A node said yes to the question of that reading. True when that made the lease longer."""
        if self._question is None or self._question[0] != reading or epoch != self.epoch or self.role != "primary":
            return False
        said = self._question[1]
        said.add(uid)
        if not self._agreed(said) or reading + TTL_MS <= self.lease_until:
            return False
        self.lease_until = reading + TTL_MS
        return True

    def _agreed(self, said: set[str]) -> bool:
        return said >= self.confirm.keys()

    # The sets: rules 6 and 7.

    def order_sets(
        self, epoch: int, version: Version, sets: tuple[Iterable[Address], Iterable[str]] | None, needed: int
    ) -> None:
        """Take on new sets (confirm, ack), or with None only the version; `needed` is `acknowledgements`."""
        self._check_term(version)
        if self.role != "primary" or epoch != self.epoch:
            raise Refused("ROLE", f"sets for the primary of epoch {epoch}, and I am {self.role} in epoch {self.epoch}")
        if not self._newer(version):
            raise Refused("STALE", f"version {list(version)} is not above the newest I took, {list(self.version)}")
        if sets is not None:
            self._change_sets({peer.uid: peer for peer in sets[0]}, frozenset(sets[1]), needed)
        self.version = version

    def _newer(self, version: Version) -> bool:
        return version > self.version

    def _change_sets(self, confirm: dict[str, Address], ack: frozenset[str], needed: int) -> None:
        if not ack <= confirm.keys():
            raise Refused("BAD", "ack names nodes that confirm does not")
        if self.ack - ack and not self._enough_stay(ack):
            raise Refused("BUSY", "not every acknowledged write is on enough of the nodes that stay yet: ask again")
        self.needed = needed
        self.joining = {uid: peer for uid, peer in confirm.items() if uid not in self.confirm}
        self.confirm = {uid: peer for uid, peer in confirm.items() if uid in self.confirm}
        self._admit()
        self.ack = ack & self.confirm.keys()

    def _enough_stay(self, ack: frozenset[str]) -> bool:
        holding = sum(self._held.get(uid, -1) >= self.top for uid in ack & self.ack)
        return not self.needed or holding >= min(self.needed, len(ack))

    def _admit(self) -> None:
        for uid in list(self.joining):
            if self._level(uid):
                self.confirm[uid] = self.joining.pop(uid)

    def _level(self, uid: str) -> bool:
        return not self.needed or self._held.get(uid, -1) >= self.top

    # Acknowledgements: rule 8.

    def holds(self, uid: str, offset: int) -> None:
        """A replica of this epoch says that it has everything up to that offset."""
        if offset > self._held.get(uid, -1):
            self._held[uid] = offset
            self._admit()

    def left(self, uid: str) -> None:
        """The replica's link has ended: what it said counts no more until it says it again, and replies wait for its joining no more."""
        self._held.pop(uid, None)
        self.joining.pop(uid, None)

    def enough(self, offset: int) -> bool:
        """May a client be told of what was written up to that offset, the lease apart?"""
        if not self.needed:
            return True
        needed = self.needed if self.strict else min(self.needed, len(self.confirm))
        having = sum(self._held.get(uid, -1) >= offset for uid in self._counted())
        return having >= needed and all(self._held.get(uid, -1) >= offset for uid in self.joining)

    def _counted(self) -> Iterable[str]:
        return self.ack

    def told(self, offset: int) -> None:
        """A client was told of what was written up to that offset."""
        self.top = max(self.top, offset)
        self._admit()

    # Epochs: rules 10, 13 and 14.

    def promise(self, epoch: int) -> None:
        """Rule 10. A primary of a lower epoch is primary no more."""
        if epoch < max(self.kept.promise, self.kept.epoch):
            known = max(self.kept.promise, self.kept.epoch)
            raise Refused("PROMISED", f"epoch {known} was promised or begun, and {epoch} is below it")
        role: Role = "waiting" if self.role == "primary" and epoch > self.epoch else self.role
        self._keep(replace(self.kept, promise=epoch, role=role))
        if role == "waiting":
            self._reset()

    def step_down(self, epoch: int) -> None:
        """The end of a planned hand-over: primary no more, and never again below that epoch."""
        if self.role != "primary":
            raise Refused("ROLE", f"to step down is for a primary, and I am {self.role}")
        self.promise(epoch)

    def promote(
        self, epoch: int, version: Version, confirm: Iterable[Address], ack: Iterable[str], needed: int = 0
    ) -> bool:
        """Rule 13. False when this very order was taken before, and nothing changes."""
        self._check_term(version)
        if epoch < self.kept.promise:
            raise Refused(
                "STALE",
                f"epoch {epoch} is older than the one I promised, {self.kept.promise}: ask again with the newest",
            )
        if self.role == "primary" and epoch == self.epoch:
            return False
        if epoch <= self.epoch:
            raise Refused("STALE", f"epoch {epoch} is not above mine, {self.epoch}: ask again with the newest")
        peers = {peer.uid: peer for peer in confirm}
        if not frozenset(ack) <= peers.keys():
            raise Refused("BAD", "ack names nodes that confirm does not")
        self._keep(Kept("primary", epoch, epoch, max(self.kept.term, version[0]), epoch))
        self._reset()
        self.primary, self.whole = None, True
        self.version, self.confirm, self.ack, self.needed = version, peers, frozenset(ack), needed
        return True

    def follow(self, epoch: int, version: Version, primary: Address) -> bool:
        """Rule 14. False when this primary is followed in this epoch already."""
        self._check_term(version)
        newest = max(self.kept.epoch, self.kept.promise)
        if epoch < newest:
            raise Refused("STALE", f"epoch {epoch} is older than mine, {newest}: ask again with the newest")
        if self.role == "primary" and epoch == self.epoch:
            raise Refused("ROLE", f"I am the primary of epoch {epoch}: to make me follow takes a higher one")
        if (self.role, self.epoch, self.primary) == ("replica", epoch, primary):
            return False
        self._keep(Kept("replica", epoch, epoch, max(self.kept.term, version[0]), self.kept.data_epoch))
        self._reset()
        self.primary = primary
        return True

    @property
    def follows(self) -> bool:
        """May data of this epoch's primary still be taken? Not after a newer promise."""
        return self.role == "replica" and self.kept.promise <= self.epoch

    def in_line(self, *, whole: bool) -> None:
        """The data belongs to the stream of the primary that is followed; `whole`: and holds everything it had when this link began."""
        if self.role == "replica":
            self._keep(replace(self.kept, data_epoch=self.epoch))
            self.whole = self.whole or whole

    def torn(self) -> None:
        """The data is being replaced: until that is done there is none."""
        self.whole = False

    def _check_term(self, version: Version) -> None:
        if version[0] < self.kept.term:
            raise Refused(
                "STALE", f"term {version[0]} is older than one I heard of, {self.kept.term}: another operator leads"
            )
        self.kept = replace(self.kept, term=version[0])
