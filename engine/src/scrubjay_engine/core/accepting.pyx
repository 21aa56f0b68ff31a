"""Taking connections from a listener without an exception at the end, and with one system call each.

Python's own `accept` makes twice the calls, and an exception when nobody waits any more; with the enumerations around it that was a fifth of a new connection
(`python tests/bench/tls.py`: a handshake took 1.4 times the CPU of redis-server's, and takes 1.1 times).
"""

import socket as sockets

from cpython.bytes cimport PyBytes_FromString
from libc.errno cimport EAGAIN, ECONNABORTED, EINTR, errno
from libc.string cimport strerror

cdef extern from "sys/socket.h" nogil:
    struct sockaddr:
        unsigned short sa_family
    ctypedef unsigned int socklen_t
    int accept4(int fd, sockaddr* address, socklen_t* size, int flags)
    int getsockname(int fd, sockaddr* address, socklen_t* size)
    int setsockopt(int fd, int level, int name, const void* value, socklen_t size)
    int SOCK_NONBLOCK, SOCK_CLOEXEC, AF_INET, AF_INET6, AF_UNIX, SOL_SOCKET, SO_KEEPALIVE

cdef extern from "netinet/tcp.h" nogil:
    int TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT

cdef extern from "netinet/in.h" nogil:
    int IPPROTO_TCP
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr
    struct sockaddr_storage:
        unsigned short ss_family

cdef extern from "arpa/inet.h" nogil:
    const char* inet_ntop(int family, const void* address, char* text, socklen_t size)
    unsigned short ntohs(unsigned short number)


cdef object readable(sockaddr_storage* address):
    """(host, port), or "" for a unix socket."""
    cdef char text[64]
    if address.ss_family == AF_INET:
        inet_ntop(AF_INET, &(<sockaddr_in*>address).sin_addr, text, sizeof(text))
        return PyBytes_FromString(text).decode("ascii"), ntohs((<sockaddr_in*>address).sin_port)
    if address.ss_family == AF_INET6:
        inet_ntop(AF_INET6, &(<sockaddr_in6*>address).sin6_addr, text, sizeof(text))
        return PyBytes_FromString(text).decode("ascii"), ntohs((<sockaddr_in6*>address).sin6_port)
    return ""


def accept(int listener) -> tuple[sockets.socket, object] | None:
    """The next connection, non-blocking, and its peer's address; None when nobody waits. Raises OSError."""
    cdef sockaddr_storage address
    cdef socklen_t size
    cdef int fd
    while True:
        size = sizeof(address)
        fd = accept4(listener, <sockaddr*>&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd >= 0:
            break
        if errno == EAGAIN:
            return None
        if errno != EINTR and errno != ECONNABORTED:
            raise OSError(errno, strerror(errno).decode())
    # With all four given Python asks the system for nothing.
    connection = sockets.socket(address.ss_family, sockets.SOCK_STREAM, 0, fd)
    return connection, readable(&address)


def local_address(int fd) -> tuple[str, int] | str:
    """Our end of a connection; "" for a unix socket."""
    cdef sockaddr_storage address
    cdef socklen_t size = sizeof(address)
    if getsockname(fd, <sockaddr*>&address, &size) < 0:
        raise OSError(errno, strerror(errno).decode())
    return readable(&address)


def tune(int fd, int keepalive) -> None:
    """No delay; `tcp-keepalive`: a dead peer is found after about twice that many seconds (0: not)."""
    cdef int value = 1
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value))
    if keepalive:
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value))
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive, sizeof(keepalive))
        value = max(keepalive // 3, 1)
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &value, sizeof(value))
        value = 3
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &value, sizeof(value))
