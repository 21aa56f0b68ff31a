"""Consumers of an image that is on its way to a replica: straight into its socket, or by way of a file when its length must be known first."""

from __future__ import annotations

import logging
import secrets
import tempfile
from typing import Any

from scrubjay_engine.replication.link import ReplicaLink

log = logging.getLogger(__name__)

FULL = 4 * 1024 * 1024
IN_MEMORY = 16 * 1024 * 1024


class SocketTransfer:
    """`$EOF:` framing: the image ends with forty characters that were announced at its start. Redis' replicas look for them only at the end of
    what they have read, so nothing may follow until the replica says (REPLCONF ACK) that it has the image."""

    def __init__(self, link: ReplicaLink) -> None:
        self._link = link
        self._mark = secrets.token_hex(20).encode()
        link.state = "sending"
        self.write(b"$EOF:%b\r\n" % self._mark)

    def write(self, data: bytes) -> None:
        self._link.client.write_raw(data)
        self._link.client.flush()

    def full(self) -> bool:
        return bool(self._link.client.output_pending > FULL)

    def gone(self) -> bool:
        return bool(self._link.client.closed)

    def finished(self) -> None:
        if not self.gone():
            self.write(self._mark)
            self._link.go_online(at_its_word=True)

    def failed(self, reason: str) -> None:
        if not self.gone():
            log.warning("The image for replica %s failed (%s); it will ask again", self._link.client.address, reason)
            self._link.client.close_soon()


class SpooledTransfer:
    """`$LENGTH` framing, for replicas that cannot do without: the image is kept until it is whole, in memory while small, then in a file."""

    def __init__(self, link: ReplicaLink, directory: str) -> None:
        self._link = link
        self._file: Any = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=directory)  # noqa: SIM115
        self._size = 0
        link.state = "sending"

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._size += len(data)

    def full(self) -> bool:
        return False

    def gone(self) -> bool:
        return bool(self._link.client.closed)

    def finished(self) -> None:
        if self.gone():
            self._file.close()
            return
        self._file.seek(0)
        self._link.client.write_raw(b"$%d\r\n" % self._size)
        self._link.client.flush()
        self._link.file = self._file
        self._link.go_online()

    def failed(self, reason: str) -> None:
        self._file.close()
        if not self.gone():
            log.warning("The image for replica %s failed (%s); it will ask again", self._link.client.address, reason)
            self._link.client.close_soon()
