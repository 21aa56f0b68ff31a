"""Give a program a network of its own: a new network namespace that holds a loopback and nothing else.

The suites use fixed ports and expect them free; some tests dial out. Inside a namespace every port is free and nothing
can leave. `run.py` calls `enter()` first thing; it runs the same command line again inside the namespace.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys

_MARK = "SCRUBJAY_CONTRACT_NAMESPACE"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1  # netdevice(7)


def enter() -> None:
    """Replace this process by the same program in a fresh network namespace; inside one, bring `lo` up and return."""
    if os.environ.get(_MARK) == "yes":
        _loopback_up()
        os.environ[_MARK] = "inside"
        return
    if os.environ.get(_MARK) == "inside":
        return
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    arguments = ["unshare", "--net", *user, "--", sys.executable, *sys.orig_argv[1:]]
    os.execvpe("unshare", arguments, {**os.environ, _MARK: "yes"})


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))
