"""A memcached client's connection: which protocol it speaks, and whose turn the next bytes are.

Registered with the loop like any connection (core/connection), which also buffers, sends and closes. The first byte decides between text and binary
unless -B has decided already. While the node loads its data or has no role yet, input waits: memcached clients know no word for that.
"""

import logging

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr

from scrubjay_engine.core.engine cimport *
from scrubjay_engine.protocol.memcached.binary cimport binary_command
from scrubjay_engine.protocol.memcached.session cimport BINARY, BROKEN, INCOMPLETE, TEXT, UNDECIDED, Session, say
from scrubjay_engine.protocol.memcached.text cimport text_command
from scrubjay_engine.protocol.memcached.words cimport MOST_WORDS, Word, parse_u32, split_words

log = logging.getLogger(__name__)

cdef unsigned int WAITING = GATE_LOADING | GATE_NO_ROLE | GATE_BUSY | GATE_PAUSED | GATE_LEASE
cdef double RETRY_SECONDS = 0.02


cdef class MemcachedConnection(Session):
    """What a listener of memcached's makes of an accepted socket."""

    cdef Py_ssize_t parse_one(self, const char* data, size_t size) except -2:
        cdef Py_ssize_t used
        cdef size_t taken
        cdef size_t mark = self.out_size
        cdef Engine engine = self.engine
        if self.swallow:
            taken = size if size < self.swallow else self.swallow
            self.swallow -= taken
            return <Py_ssize_t>taken
        if engine.gates & WAITING:
            self.paused = True
            self.loop.call_later(RETRY_SECONDS, self.go_on)
            return INCOMPLETE
        self.wanted = 0
        self.waiting_for_value = False
        if self.speaks == UNDECIDED:
            self.speaks = BINARY if <unsigned char>data[0] == 0x80 else TEXT
        try:
            if self.speaks == BINARY:
                used = binary_command(self, data, size)
            elif self.check_login is not None and not self.authenticated:
                used = self.login(data, size)
            else:
                used = text_command(self, data, size)
        except Exception:
            log.exception("a memcached command of client %s failed; this is a bug", self.address)
            engine.unexpected_errors += 1
            self.noreply = False
            say(self, b"SERVER_ERROR internal error\r\n")
            return BROKEN       # what follows can't be known to be a command
        if used > 0:
            engine.commands_run += 1
            self.last_command = <double>self.active_ms / 1000
            if engine.effects:
                engine.flush_effects()
                if engine.hold_replies:
                    self.owe(mark)
            if engine.keys_ready:
                engine.on_ready_keys()
        return used

    cdef Py_ssize_t login(self, const char* data, size_t size) except -2:
        """The text protocol's login: `set KEY FLAGS EXPTIME BYTES` with `user password` as value; nothing else is listened to before."""
        cdef const char* end = <const char*>memchr(data, c'\n', size)
        cdef Word words[MOST_WORDS + 1]
        cdef Py_ssize_t rest, used
        cdef unsigned int length = 0
        cdef int count
        cdef bytes value
        self.noreply = False
        if size < 2:
            return INCOMPLETE
        if end == NULL:
            return BROKEN if size > 2048 else INCOMPLETE
        used = end - data + 1
        count = split_words(data, used - 1, words, &rest)
        if count < 5 or words[0].size != 3 or words[0].data[:3] != b"set" or not parse_u32(words[4].data, words[4].size, &length):
            say(self, b"CLIENT_ERROR unauthenticated\r\n")
            return used
        if size < <size_t>used + length + 2:
            return self.await_value(used + <size_t>length + 2)
        value = PyBytes_FromStringAndSize(data + used, length + 2)
        self.answer_login(value)
        return used + length + 2

    def answer_login(self, bytes value) -> None:
        """Judges `user password` and its line end."""
        if not value.endswith(b"\r\n"):
            say(self, b"CLIENT_ERROR bad command line termination\r\n")
            return
        words = value[:len(value) - 2].partition(b"\0")[0].split(b" ")
        words = [word for word in words if word]
        if len(words) < 2:
            say(self, b"CLIENT_ERROR bad authentication token format\r\n")
            return
        self.items.auth_cmds += 1
        if self.check_login(words[0], words[1]):
            self.authenticated = True
            say(self, b"STORED\r\n")
        else:
            self.items.auth_errors += 1
            say(self, b"CLIENT_ERROR authentication failure\r\n")

    def serve_datagram(self, bytes request) -> bytes:
        """Runs the commands of one UDP request and returns all replies (a connection without a socket)."""
        cdef size_t done = 0
        cdef Py_ssize_t used
        cdef size_t size = PyBytes_GET_SIZE(request)
        self.in_pending = True
        while done < size and not self.closing:
            used = self.parse_one(PyBytes_AS_STRING(request) + done, size - done)
            if used <= 0:
                break
            done += used
        return self.take_output()


def datagram_session(Engine engine) -> MemcachedConnection:
    """A session without a socket, for one UDP request."""
    cdef MemcachedConnection made = MemcachedConnection.__new__(MemcachedConnection, engine)
    made.begin(engine.parts["memcached"].items)
    return made
