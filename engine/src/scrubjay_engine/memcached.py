"""`scrubjay-memcached`: the engine with memcached's command line, for those who come from there.

Every option of memcached 1.6.18 is known: those that mean something here become engine options, those about slabs, threads and huge pages are accepted.
The Redis port stays closed unless `--redis-port` asks for it. `scrubjay-engine --memcached-port 11211` is the same server under its own names.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import pwd
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from scrubjay_engine import __main__ as engine
from scrubjay_engine.version import MEMCACHED_VERSION

USAGE = "scrubjay-memcached [-p PORT] [-U PORT] [-l ADDRESSES] [-s FILE] [-m MEGABYTES] [-c CONNECTIONS] [-I SIZE] ..."
DEFAULT_PORT = 11211
FLAG_OPTIONS = {  # what a flag of memcached's makes of an engine option
    "disable_cas": ("memcached-cas", "no"),
    "disable_flush_all": ("memcached-flush-all", "no"),
    "disable_dumping": ("memcached-dump", "no"),
    "disable_watch": ("memcached-watch", "no"),
    "enable_shutdown": ("memcached-shutdown", "yes"),
    "enable_sasl": ("memcached-sasl", "yes"),
}


class Refused(Exception):
    """A command line that can't be used; the text says why."""


def parser() -> argparse.ArgumentParser:
    """memcached's options, in our words."""
    made = argparse.ArgumentParser(
        prog="scrubjay-memcached",
        usage=USAGE,
        description=f"Scrubjay's engine as a memcached {MEMCACHED_VERSION}.",
        add_help=False,
    )
    add = made.add_argument
    add("-p", "--port", type=int, help="TCP port (11211; 0 off, -1 any that is free)")
    add("-U", "--udp-port", type=int, default=0, help="UDP port (0: off)")
    add("-s", "--unix-socket", help="serve on this unix-socket only")
    add("-a", "--unix-mask", default="700", help="its permissions, octal (700)")
    add("-l", "--listen", action="append", default=[], help="addresses to listen on, separated by commas")
    add("-A", "--enable-shutdown", action="store_true", help="let clients end the server")
    add("-d", "--daemon", action="store_true", help="go to the background")
    add("-P", "--pidfile", help="where -d writes the process id")
    add("-u", "--user", help="the user to become when started by root")
    add("-m", "--memory-limit", type=int, default=64, help="megabytes for items (64)")
    add("-M", "--disable-evictions", action="store_true", help="refuse items instead of evicting others")
    add("-c", "--conn-limit", type=int, default=1024, help="connections at once (1024)")
    add("-v", "--verbose", action="count", default=0, help="log more; twice: still more")
    add("-h", "--help", action="store_true", help="this text")
    add("-V", "--version", action="store_true", help="the version")
    add("-i", "--license", action="store_true", help="the license")
    add("-b", "--listen-backlog", type=int, default=1024, help="connections waiting to be accepted (1024)")
    add("-B", "--protocol", default="auto", help="auto, ascii or binary")
    add("-I", "--max-item-size", default="1m", help="largest item, with k or m (1m)")
    add("-C", "--disable-cas", action="store_true", help="no cas values")
    add("-F", "--disable-flush-all", action="store_true", help="refuse flush_all")
    add("-X", "--disable-dumping", action="store_true", help="refuse to list keys")
    add("-W", "--disable-watch", action="store_true", help="refuse to watch")
    add("-Y", "--auth-file", help="users, a line `user:password` each: clients must log in")
    add("-S", "--enable-sasl", action="store_true", help=argparse.SUPPRESS)
    add("-o", "--extended", action="append", default=[], help="a list of settings such as idle_timeout=60")
    add("-t", "--threads", type=int, default=1, help="accepted: the engine has one thread")
    for short, name in (("-f", "--slab-growth-factor"), ("-n", "--slab-min-size"), ("-R", "--max-reqs-per-event")):
        add(short, name, help=argparse.SUPPRESS)
    for short, name in (("-D", "--prefix-delimiter"), ("-e", "--memory-file"), ("-N", "--napi-ids")):
        add(short, name, help=argparse.SUPPRESS)
    for short, name in (("-k", "--lock-memory"), ("-r", "--enable-coredumps"), ("-L", "--enable-largepages")):
        add(short, name, action="store_true", help=argparse.SUPPRESS)
    add("--redis-port", type=int, default=0, help="serve Redis clients there as well, on the same items")
    return made


def engine_arguments(given: argparse.Namespace) -> list[str]:
    """The engine's own command line. Raises Refused."""
    check(given)
    extended = [word for words in given.extended for word in words.split(",") if word]
    tcp, udp = ports(given)
    options: dict[str, str] = {
        "port": str(given.redis_port),
        "protected-mode": "no",
        "save": "",
        "maxmemory": f"{given.memory_limit}mb",
        "maxmemory-policy": "noeviction" if given.disable_evictions else "allkeys-lru",
        "memcached-port": str(tcp),
        "memcached-udp-port": str(udp),
        "memcached-max-connections": str(given.conn_limit),
        "memcached-max-item-size": item_size(given.max_item_size),
        "memcached-protocol": given.protocol,
        "memcached-verbosity": str(given.verbose),
        "tcp-backlog": str(given.listen_backlog),
        "loglevel": "warning" if not given.verbose else "notice",
    }
    for flag, (name, value) in FLAG_OPTIONS.items():
        if getattr(given, flag):
            options[name] = value
    if given.unix_socket:
        options |= {"memcached-unixsocket": given.unix_socket, "memcached-unixsocketperm": given.unix_mask}
    if given.auth_file:
        options["memcached-auth-file"] = given.auth_file
    if given.listen:
        options["bind"] = " ".join(addresses(given.listen))
    for word in extended:
        if word.startswith("idle_timeout="):
            options["memcached-idle-timeout"] = word.partition("=")[2]
    options["memcached-extended"] = " ".join(word for word in extended if not word.startswith("idle_timeout="))
    options |= debugging(given)
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def debugging(given: argparse.Namespace) -> dict[str, str]:
    """`debugtime` is there when the environment asks for it, as in memcached's debug builds."""
    return {"enable-debug-command": "yes"} if os.environ.get("SCRUBJAY_MEMCACHED_DEBUG") else {}


def check(given: argparse.Namespace) -> None:
    """Refuses what memcached refuses."""
    if given.conn_limit <= 0:
        raise Refused("Maximum connections must be greater than 0")
    if given.threads <= 0:
        raise Refused("Number of threads must be greater than 0")
    if given.protocol not in ("auto", "ascii", "binary"):
        raise Refused(f"Invalid value for binding protocol: {given.protocol}: one of auto, ascii, binary")
    if given.memory_limit <= 0:
        raise Refused("-m must be greater than 0")
    if int(item_size(given.max_item_size)) > given.memory_limit * 1024 * 1024 // 2:
        raise Refused("-I can be half of -m at most: the largest item must leave room for others")
    if given.enable_sasl and not given.auth_file:
        raise Refused("-S needs users: name their file by -Y")
    if given.enable_sasl and given.protocol == "ascii":
        raise Refused("-S is for the binary protocol: it can't go with -B ascii")


def ports(given: argparse.Namespace) -> tuple[int, int]:
    """TCP and UDP port: a unix socket stands alone, UDP alone gives TCP the same number, -1 is any that is free."""
    if given.unix_socket:
        return 0, 0
    tcp = given.port
    udp = given.udp_port
    if tcp is None:
        tcp = udp if udp else DEFAULT_PORT
    return (free_port(socket.SOCK_STREAM) if tcp == -1 else tcp, free_port(socket.SOCK_DGRAM) if udp == -1 else udp)


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def item_size(text: str) -> str:
    """-I: bytes, or with k or m; between 1 KiB and 1 GiB."""
    digits, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in ("k", "m") else (text, "")
    if not digits.isdigit():
        raise Refused(f"-I can't be {text}: bytes, or with k or m")
    size = int(digits) * {"": 1, "k": 1024, "m": 1024 * 1024}[unit]
    if size < 1024:
        raise Refused("Item max size cannot be less than 1024 bytes.")
    if size > 1024**3:
        raise Refused("Cannot set item size limit higher than 1024 MiB.")
    return str(size)


def addresses(lists: Sequence[str]) -> list[str]:
    """-l: addresses or names, each resolved; a port behind one is not supported, -p names the port."""
    found = []
    for word in (word for words in lists for word in words.split(",")):
        try:
            found.append(str(ipaddress.ip_address(word.strip("[]"))))
        except ValueError:
            try:
                found.append(socket.gethostbyname(word))
            except OSError as error:
                raise Refused(f"failed to listen on {word}: {error.strerror}") from None
    return found


def become(user: str | None) -> None:
    """-u: gives root's rights away."""
    if user is None or os.getuid() != 0 or user == "root":
        return
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise Refused(f"can't find the user {user} to switch to") from None
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def daemonize(pidfile: str | None) -> None:
    """-d: to the background, the process id in a file. The parent ends at once, as memcached's does."""
    if os.fork():
        os._exit(0)
    os.setsid()
    with Path(os.devnull).open("r+b") as null:
        for stream in (0, 1, 2):
            os.dup2(null.fileno(), stream)
    if pidfile:
        Path(pidfile).write_text(f"{os.getpid()}\n")


def main(arguments: list[str] | None = None) -> int:
    """Runs the server; the process's exit code. 71 (EX_OSERR): an address can't be had, 64 (EX_USAGE): wrong options."""
    made = parser()
    given = made.parse_args(sys.argv[1:] if arguments is None else arguments)
    if given.help:
        print(f"memcached {MEMCACHED_VERSION} (Scrubjay)")
        made.print_help()
        return 0
    if given.version or given.license:
        print(f"memcached {MEMCACHED_VERSION}" if given.version else "Scrubjay: Apache License 2.0")
        return 0
    try:
        words = engine_arguments(given)
        become(given.user)
    except Refused as refusal:
        print(f"scrubjay-memcached: {refusal}", file=sys.stderr)
        return 64
    if given.daemon:
        daemonize(given.pidfile)
    return engine.main(words)


if __name__ == "__main__":
    sys.exit(main())
