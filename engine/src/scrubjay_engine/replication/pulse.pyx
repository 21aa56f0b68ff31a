"""A sign of life that needs neither the event loop nor the interpreter: a thread in C that answers datagrams with the age of the loop's last turn.

A long command or script holds the loop, and often the interpreter's lock too: the admin port is silent then, though the process is well. The operator, before it calls a
silent primary dead, asks here (UDP, the admin port's number): `pulse N` is answered with `alive UID BOOT N AGE`, AGE in milliseconds since the loop's last
turn. A stopped process (SIGSTOP), a dead machine and a cut network do not answer. Nothing can be ordered here.
"""

from libc.errno cimport errno
from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy

cdef extern from "time.h" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec* now)
    int CLOCK_MONOTONIC

cdef extern from "sys/socket.h" nogil:
    cdef struct sockaddr_storage:
        int ss_family
    cdef struct sockaddr:
        int sa_family
    ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* address, unsigned int* length)
    ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address, unsigned int length)

cdef extern from "pthread.h" nogil:
    ctypedef unsigned long pthread_t
    int pthread_create(pthread_t* thread, const void* attributes, void* (*work)(void*) noexcept nogil, void* argument)
    int pthread_detach(pthread_t thread)

cdef enum:
    REQUEST = 64
    WHO = 256

cdef int64_t beat_ms = 0
cdef char who[WHO]
cdef int sock = -1


cdef inline int64_t now_ms() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000 + now.tv_nsec // 1000000


cdef void* answer(void* nothing) noexcept nogil:
    cdef char request[REQUEST + 1]
    cdef char reply[WHO + REQUEST + 64]
    cdef sockaddr_storage address
    cdef unsigned int length
    cdef ssize_t got
    cdef int size
    while True:
        length = sizeof(address)
        got = recvfrom(sock, request, REQUEST, 0, <sockaddr*>&address, &length)
        if got < 0:
            if errno == 4 or errno == 111:      # EINTR; ECONNREFUSED of an earlier answer
                continue
            return NULL
        if got < 7 or memcmp(request, b"pulse ", 6) != 0:
            continue
        request[got] = 0
        size = snprintf(reply, sizeof(reply), b"alive %s %s %lld", who, request + 6, <long long>(now_ms() - beat_ms))
        sendto(sock, reply, size, 0, <sockaddr*>&address, length)


def beat() -> None:
    """The loop turns."""
    global beat_ms
    beat_ms = now_ms()


def start(int fd, str identity) -> None:
    """Answer on this UDP socket from now on, until the process ends; `identity` is `UID BOOT`. Once in a process."""
    global sock
    cdef bytes name = identity.encode()[:WHO - 1]
    cdef pthread_t thread
    if sock >= 0:
        raise RuntimeError("the pulse has been started already")
    memcpy(who, <char*>name, len(name))
    who[len(name)] = 0
    sock = fd
    beat()
    if pthread_create(&thread, NULL, answer, NULL) != 0:
        raise OSError("no thread for the pulse")
    pthread_detach(thread)
