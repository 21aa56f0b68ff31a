"""What the suite's `--tls` needs: Debian's tcl-tls, and the certificates that `utils/gen-test-certs.sh` would make (which takes half a minute for its DH file)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from authority import Authority


class Missing(RuntimeError):
    """A program is not there; the message says how to get it."""


def provide(place: Path) -> None:
    """Certificates into `tests/tls` of a workspace. RSA, because a test of the suite calls `openssl rsa`."""
    check = subprocess.run(
        ["tclsh"], input="if {[catch {package require tls}]} {exit 1}", text=True, capture_output=True, check=False
    )
    if check.returncode:
        raise Missing("tclsh has no package `tls`: apt-get install tcl-tls")
    folder = place / "tests" / "tls"
    authority = Authority(folder)
    for name in ("server", "client", "redis"):
        authority.leaf(name, rsa_bits=2048)
    command = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
    subprocess.run([*command, "-out", str(folder / "redis.dh")], check=True, capture_output=True)
