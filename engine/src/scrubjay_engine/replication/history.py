"""Which history a node's data belongs to: replication ids, and whether a replica may continue instead of starting over. Pure.

A history is named by a random id; a position in it is an offset. After a promotion the data continues the old history, so the old id stays
valid as the second id up to the offset at which the new history began: replicas of the same old primary go on without a full
synchronisation (PSYNC2, https://redis.io/docs/latest/operate/oss_and_stack/management/replication/).
"""

import secrets
from dataclasses import dataclass, field

NO_ID = "0" * 40


def new_id() -> str:
    """A random replication id: 40 hexadecimal digits."""
    return secrets.token_hex(20)


@dataclass
class History:
    """`replid`, `replid2` and `second_offset` as in INFO replication."""

    replid: str = field(default_factory=new_id)
    replid2: str = NO_ID
    second_offset: int = -1

    def shift(self, offset: int) -> None:
        """A replica at `offset` becomes a primary: a new history begins here, the old one is valid up to here."""
        self.replid2, self.second_offset = self.replid, offset + 1
        self.replid = new_id()

    def adopt(self, replid: str, *, keep_old: bool, offset: int = -1) -> None:
        """Follow another history: after a full synchronisation, or (`keep_old`) when the primary continues us under a new id."""
        if keep_old:
            self.replid2, self.second_offset = self.replid, offset + 1
        else:
            self.replid2, self.second_offset = NO_ID, -1
        self.replid = replid

    def begin(self) -> None:
        """Forget everything: what replicas hold is no prefix of our data any more."""
        self.replid, self.replid2, self.second_offset = new_id(), NO_ID, -1

    def continues(self, replid: str, wanted: int) -> bool:
        """Whether a replica that has `replid` and asks for byte number `wanted` (its offset + 1) has a prefix of our history."""
        if replid.lower() == self.replid:
            return True
        return replid.lower() == self.replid2 and self.replid2 != NO_ID and wanted <= self.second_offset
