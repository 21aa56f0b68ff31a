# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""An open-loop load generator: requests leave at their own times, whether or not earlier ones have been answered.

A closed loop (redis-benchmark) waits for a slow answer before it asks again and so measures a stall once; here every
request that was due during the stall counts, from the time it was due ("coordinated omission", Gil Tene). Gaps between
requests are exponential with a fixed seed, connections take turns. All replies must have one known size: the request is
a SET (`+OK`) or a GET of a value that is known to be there. Written in Cython because one core of Python sends too few
requests a second: about 60,000, against over 150,000 that one core of a server answers.
"""

from libc.errno cimport EAGAIN, errno
from libc.math cimport log
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

import socket

cdef extern from "sys/socket.h" nogil:
    ssize_t send(int fd, const void* data, size_t size, int flags)
    ssize_t recv(int fd, void* data, size_t size, int flags)
    int MSG_DONTWAIT
    int MSG_NOSIGNAL

cdef extern from "sys/epoll.h" nogil:
    ctypedef union epoll_data_t:
        int fd
        unsigned int u32
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)
    int EPOLL_CTL_ADD
    int EPOLLIN

cdef extern from "unistd.h" nogil:
    int close(int fd)

cdef enum:
    WAITING = 1 << 16  # requests of one connection that may be without an answer at a time
    BUFFER = 1 << 16


cdef struct Link:
    int fd
    Py_ssize_t unsent       # bytes of requests that are due and not yet written
    Py_ssize_t received     # bytes of a reply that is not whole yet
    uint64_t head           # next request to be answered
    uint64_t tail           # next request to become due
    int64_t* due            # ring of the times the requests were due, ns


cdef inline int64_t now_ns() noexcept nogil:
    cdef timespec moment
    clock_gettime(CLOCK_MONOTONIC, &moment)
    return <int64_t>moment.tv_sec * 1000000000 + moment.tv_nsec


cdef inline double uniform(uint64_t* state) noexcept nogil:
    # splitmix64: small, and the same gaps on every run
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return ((z ^ (z >> 31)) >> 11) * (1.0 / 9007199254740992.0)


cdef int flush(Link* link, const char* requests, Py_ssize_t size, Py_ssize_t room) noexcept nogil:
    """Write what is due; `requests` repeats one request of `size` bytes over `room` bytes. -1 when the link is broken."""
    cdef Py_ssize_t offset, amount, done
    while link.unsent:
        offset = (size - link.unsent % size) % size
        amount = min(link.unsent, room - offset)
        done = send(link.fd, requests + offset, amount, MSG_DONTWAIT | MSG_NOSIGNAL)
        if done < 0:
            return 0 if errno == EAGAIN else -1
        link.unsent -= done
        if done < amount:
            return 0
    return 0


cdef Py_ssize_t run(Link* links, int count, int poller, const char* requests, Py_ssize_t size, Py_ssize_t room,
                    Py_ssize_t reply, double gap, Py_ssize_t total, double* latencies) noexcept nogil:
    """Send `total` requests and note each one's latency in microseconds; returns how many were answered."""
    cdef:
        char incoming[BUFFER]
        epoll_event events[256]
        uint64_t state = 20240229
        Py_ssize_t sent = 0, answered = 0, got
        double due = <double>now_ns() + 1e6
        int64_t moment, quiet = now_ns()
        int turn = 0, ready, i
        Link* link
    while answered < total:
        moment = now_ns()
        while sent < total and due <= moment:
            link = &links[turn]
            turn = (turn + 1) % count
            if link.tail - link.head == WAITING:
                return answered
            link.due[link.tail % WAITING] = <int64_t>due
            link.tail += 1
            link.unsent += size
            if flush(link, requests, size, room) < 0:
                return answered
            sent += 1
            due -= gap * log(1.0 - uniform(&state))
        ready = epoll_wait(poller, events, 256, 0)
        if ready > 0:
            quiet = now_ns()
        elif sent == total and now_ns() - quiet > <int64_t>5000000000:
            return answered  # the server has stopped answering
        for i in range(ready):
            link = &links[events[i].data.fd]
            got = recv(link.fd, incoming, BUFFER, MSG_DONTWAIT)
            if got == 0 or (got < 0 and errno != EAGAIN):
                return answered
            if got < 0:
                continue
            moment = now_ns()
            link.received += got
            while link.received >= reply:
                link.received -= reply
                latencies[answered] = (moment - link.due[link.head % WAITING]) / 1000.0
                link.head += 1
                answered += 1
            if link.unsent and flush(link, requests, size, room) < 0:
                return answered
    return answered


def measure(address, bytes request, int reply_size, double rate, double seconds, int connections=50):
    """Latencies in microseconds, in the order of the answers, of `rate` requests a second for `seconds` seconds.

    `request` is sent as it is; each answer must be `reply_size` bytes. Raises RuntimeError when answers are missing.
    """
    cdef:
        Py_ssize_t total = <Py_ssize_t>(rate * seconds), size = len(request), answered, i
        Py_ssize_t room = size * 64
        bytes repeated = request * 64
        const char* requests = repeated
        Link* links = <Link*>calloc(connections, sizeof(Link))
        double* latencies = <double*>malloc(total * sizeof(double))
        int poller = epoll_create1(0)
        epoll_event event
        double gap = 1e9 / rate
        int count = connections, reply = reply_size
    if links == NULL or latencies == NULL:
        raise MemoryError
    sockets = [socket.create_connection(address, timeout=10) for _ in range(connections)]
    try:
        for i in range(connections):
            sockets[i].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            links[i].fd = sockets[i].fileno()
            links[i].due = <int64_t*>malloc(WAITING * sizeof(int64_t))
            event.events = EPOLLIN
            event.data.fd = i
            epoll_ctl(poller, EPOLL_CTL_ADD, links[i].fd, &event)
        with nogil:
            answered = run(links, count, poller, requests, size, room, reply, gap, total, latencies)
        if answered < total:
            raise RuntimeError(f"{total - answered} of {total} requests were not answered at {rate:.0f} a second")
        return [latencies[i] for i in range(total)]
    finally:
        for i in range(connections):
            free(links[i].due)
        free(links)
        free(latencies)
        close(poller)
        for item in sockets:
            item.close()
