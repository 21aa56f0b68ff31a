"""RDB files in: an incremental reader, versions 1 to 12 and Valkey's 80, every encoding of every type.

`feed` adds bytes as they come from a file or a socket, `read` goes on by a bounded number of elements and tells an `RdbSink`
(persistence/format.py) what it found: so a load holds the loop only as long as its caller wants, and memory only for what was fed and
not yet read. A claimed length allocates nothing before its bytes are there.

How it works: each state of the machine reads one small unit (an opcode, a key, an element). When the unit is not whole the position
goes back to its start and the state stays: units are small or one string, so that trying again costs nothing that matters.
Called by persistence/loading (start, DEBUG RELOAD), replication/replica (full synchronisation) and RESTORE.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, int8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove

from scrubjay_engine.persistence.checksum cimport crc64_update
from scrubjay_engine.persistence.compact cimport intset_items, listpack_items, ziplist_items, zipmap_items
from scrubjay_engine.persistence.lzf cimport lzf_decompress
from scrubjay_engine.persistence.stream_codec cimport stream_node
from scrubjay_engine.persistence.errors import CorruptData, UnsupportedData

cdef enum State:
    MAGIC, TOP, KEY, VALUE, ELEMENTS, NODES, STREAM_NODES, STREAM_STATE, STREAM_GROUPS, STREAM_GROUP, STREAM_PENDING, STREAM_CONSUMERS
    STREAM_CONSUMER, STREAM_OWNED, MODULE_AUX, SLOT_RANGES, CHECKSUM, FINISHED

# No string and no collection is longer than this, whatever a length says.
cdef uint64_t LONGEST = 1099511627776

WANTS_DATA = 0
WORKING = 1
DONE = 2

KINDS = {
    1: "list", 2: "set", 3: "zset", 4: "hash", 5: "zset", 9: "hash", 10: "list", 11: "set", 12: "zset", 13: "hash", 14: "list", 15: "stream",
    16: "hash", 17: "zset", 18: "list", 19: "stream", 20: "set", 21: "stream", 22: "hash", 23: "hash", 24: "hash", 25: "hash",
}
MODULE_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def module_name(uint64_t module) -> str:
    """The nine letters of a module's id and its version, as `MODULE LIST` shows them."""
    return "".join(MODULE_NAME[(module >> (10 + 6 * i)) & 63] for i in reversed(range(9))) + f" version {module & 1023}"


cdef class RdbReader:
    cdef object sink
    cdef unsigned char* data
    cdef Py_ssize_t size, room, at, summed, before, remaining, consumers, quick
    cdef uint64_t crc
    cdef int state, kind, encoding
    cdef readonly int version
    cdef readonly bint valkey
    cdef readonly Py_ssize_t keys
    cdef int64_t expire, base
    cdef bytes key

    def __cinit__(self, sink):
        self.sink = sink
        self.room = 1 << 16
        self.data = <unsigned char*>malloc(self.room)
        if self.data == NULL:
            raise MemoryError
        self.state = MAGIC
        self.expire = -1
        self.key = b""

    def __dealloc__(self):
        free(self.data)

    def feed(self, const unsigned char[::1] data not None) -> None:
        cdef Py_ssize_t n = data.shape[0], wanted
        cdef unsigned char* grown
        if n == 0:
            return
        self.take_sum()
        if self.at and (self.at == self.size or self.size + n > self.room):
            memmove(self.data, self.data + self.at, self.size - self.at)
            self.before += self.at
            self.size -= self.at
            self.summed -= self.at
            self.at = 0
        if self.size + n > self.room:
            wanted = max(self.size + n, 2 * self.room)
            grown = <unsigned char*>realloc(self.data, wanted)
            if grown == NULL:
                raise MemoryError
            self.data = grown
            self.room = wanted
        memcpy(self.data + self.size, &data[0], n)
        self.size += n

    @property
    def position(self) -> int:
        return self.before + self.at

    def rest(self) -> bytes:
        return PyBytes_FromStringAndSize(<char*>self.data + self.at, self.size - self.at)

    def finish(self) -> None:
        if self.state != FINISHED:
            raise CorruptData(f"the data ends after {self.before + self.size} bytes, before its end marker"
                              + (f" (in key {self.key!r})" if self.state > KEY and self.key else ""))

    def read(self, Py_ssize_t budget=256) -> int:
        cdef Py_ssize_t mark
        cdef int took
        while self.state != FINISHED:
            if budget <= 0:
                return WORKING
            mark = self.at
            try:
                took = self.step()
            except CorruptData as error:
                raise CorruptData(f"{error} (at byte {self.before + self.at}, key {self.key!r})") from None
            if took == 0:
                self.at = mark
                return WANTS_DATA
            budget -= took
        return DONE

    cdef void take_sum(self) noexcept:
        if self.at > self.summed:
            if self.state != FINISHED:
                self.crc = crc64_update(self.crc, self.data + self.summed, self.at - self.summed)
            self.summed = self.at

    # Primitives: each returns 0 (or None) when the bytes are not there yet.

    cdef inline bint has(self, Py_ssize_t n) noexcept:
        return self.size - self.at >= n

    cdef inline uint64_t little(self, int width) noexcept:
        cdef uint64_t value = 0
        memcpy(&value, self.data + self.at, width)
        self.at += width
        return value

    cdef int length(self, uint64_t* value) except -1:
        """A length; self.encoding is -1, or the number of a special string encoding."""
        cdef int first, i
        cdef uint64_t n = 0
        self.encoding = -1
        if not self.has(1):
            return 0
        first = self.data[self.at]
        if first < 0x40:
            value[0] = first
            self.at += 1
            return 1
        if first < 0x80:
            if not self.has(2):
                return 0
            value[0] = (<uint64_t>(first & 0x3f) << 8) | self.data[self.at + 1]
            self.at += 2
            return 1
        if first == 0x80 or first == 0x81:
            if not self.has(5 if first == 0x80 else 9):
                return 0
            for i in range(4 if first == 0x80 else 8):
                n = (n << 8) | self.data[self.at + 1 + i]
            self.at += 5 if first == 0x80 else 9
            value[0] = n
            return 1
        if first < 0xc0:
            raise CorruptData(f"unknown length encoding {first:#x}")
        self.encoding = first & 0x3f
        self.at += 1
        value[0] = 0
        return 1

    cdef int plain_length(self, uint64_t* value) except -1:
        cdef int took = self.length(value)
        if took and self.encoding >= 0:
            raise CorruptData("a special string encoding where a length belongs")
        return took

    cdef object string(self):
        """A string of any encoding, or None."""
        cdef uint64_t n = 0, packed = 0
        cdef char text[24]
        cdef int64_t number
        cdef bytes out
        if not self.length(&n):
            return None
        if self.encoding < 0:
            if n > LONGEST:
                raise CorruptData(f"a string of {n} bytes")
            if not self.has(<Py_ssize_t>n):
                return None
            self.at += <Py_ssize_t>n
            return PyBytes_FromStringAndSize(<char*>self.data + self.at - n, <Py_ssize_t>n)
        if self.encoding <= 2:
            if not self.has(1 << self.encoding):
                return None
            n = self.little(1 << self.encoding)
            number = <int8_t>n if self.encoding == 0 else <int16_t>n if self.encoding == 1 else <int32_t>n
            return PyBytes_FromStringAndSize(text, snprintf(text, sizeof(text), "%lld", <long long>number))
        if self.encoding != 3:
            raise CorruptData(f"unknown string encoding {self.encoding}")
        if not self.plain_length(&packed) or not self.plain_length(&n):
            return None
        if packed > LONGEST or n > packed * 264:
            raise CorruptData(f"{packed} compressed bytes cannot stand for {n}")
        if not self.has(<Py_ssize_t>packed):
            return None
        out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>n)
        if lzf_decompress(self.data + self.at, <Py_ssize_t>packed, <unsigned char*>PyBytes_AS_STRING(out), <Py_ssize_t>n) != <Py_ssize_t>n:
            raise CorruptData("a compressed string does not unpack to its length")
        self.at += <Py_ssize_t>packed
        return out

    cdef object old_double(self):
        """A score as text (types before zset 2), or None."""
        cdef int n
        if not self.has(1):
            return None
        n = self.data[self.at]
        if n >= 253:
            self.at += 1
            return float(("nan", "inf", "-inf")[n - 253])
        if not self.has(1 + n):
            return None
        self.at += 1 + n
        return score(PyBytes_FromStringAndSize(<char*>self.data + self.at - n, n))

    cdef object double(self):
        cdef double value
        cdef uint64_t raw
        if not self.has(8):
            return None
        raw = self.little(8)
        memcpy(&value, &raw, 8)
        return value

    # The machine.

    cdef int step(self) except -1:
        """One unit; how many elements it was worth, 0 when it is not whole yet."""
        if self.state == TOP:
            return self.top()
        if self.state == KEY:
            return self.read_key()
        if self.state == VALUE:
            return self.value()
        if self.state == ELEMENTS:
            return self.elements()
        if self.state == NODES:
            return self.list_node()
        if STREAM_NODES <= self.state <= STREAM_OWNED:
            return self.stream_step()
        if self.state == MAGIC:
            return self.magic()
        if self.state == MODULE_AUX:
            return self.module_aux()
        if self.state == SLOT_RANGES:
            return self.slot_ranges()
        return self.checksum()

    cdef int magic(self) except -1:
        cdef int digits
        if not self.has(9):
            return 0
        self.valkey = memcmp(self.data + self.at, b"VALKEY", 6) == 0
        if not self.valkey and memcmp(self.data + self.at, b"REDIS", 5) != 0:
            raise CorruptData("Wrong signature: this is no RDB file")
        digits = 3 if self.valkey else 4
        text = self.data[self.at + 9 - digits:self.at + 9]
        if not text.isdigit():
            raise CorruptData("Wrong signature: no version in the RDB file")
        self.version = int(text)
        if self.version < 1 or self.version > (80 if self.valkey else 12):
            raise UnsupportedData(f"Can't handle RDB format version {self.version}")
        self.at += 9
        self.state = TOP
        return 1

    cdef int top(self) except -1:
        """An opcode, or the type of a key that follows."""
        cdef int code
        if not self.has(1):
            return 0
        code = self.data[self.at]
        self.at += 1
        if code < 240:
            self.kind = code
            if code != 0 and code not in KINDS:
                if code not in (6, 7):
                    raise UnsupportedData(f"unknown type of value {code} (at byte {self.before + self.at})")
            self.state = KEY
            return 1
        if code == 252:
            if not self.has(8):
                return 0
            self.expire = <int64_t>self.little(8)
            return 1
        if code == 253:
            if not self.has(4):
                return 0
            self.expire = <int64_t><int32_t>self.little(4) * 1000
            return 1
        if code == 255:
            self.take_sum()
            self.state = CHECKSUM
            return 1
        return self.opcode(code)

    cdef int opcode(self, int code) except -1:
        cdef uint64_t n = 0, m = 0, third = 0
        if code == 250:
            name = self.string()
            value = None if name is None else self.string()
            if value is None:
                return 0
            self.sink.aux(name, value)
        elif code == 254:
            if not self.plain_length(&n):
                return 0
            self.sink.database(n)
        elif code == 251:
            if not self.plain_length(&n) or not self.plain_length(&m):
                return 0
            self.sink.sizes(n, m)
        elif code == 248:
            if not self.plain_length(&n):
                return 0
            self.sink.access(n, -1)
        elif code == 249:
            if not self.has(1):
                return 0
            self.sink.access(-1, self.little(1))
        elif code == 245:
            name = self.string()
            if name is None:
                return 0
            self.sink.function(name)
        elif code == 247:
            if not self.plain_length(&n) or not self.plain_length(&m) or not self.plain_length(&third):
                return 0
            self.sink.skipped(f"data of the module {module_name(n)}")
            self.state = MODULE_AUX
        elif code == 244:  # the slot that the next keys belong to: Valkey and Redis 8 in cluster mode
            if not self.plain_length(&n) or not self.plain_length(&m) or not self.plain_length(&third):
                return 0
        elif code == 243 and self.valkey:
            name = self.string()
            if name is None or not self.plain_length(&n):
                return 0
            self.remaining = n
            self.sink.skipped("an import of slots that had not ended")
            self.state = SLOT_RANGES
        elif code == 246:
            raise UnsupportedData("Pre-release function format not supported")
        else:
            raise UnsupportedData(f"unknown opcode {code} (at byte {self.before + self.at})")
        return 1

    cdef int slot_ranges(self) except -1:
        cdef uint64_t n = 0, m = 0
        if self.remaining == 0:
            self.state = TOP
            return 1
        if not self.plain_length(&n) or not self.plain_length(&m):
            return 0
        self.remaining -= 1
        return 1

    cdef int module_aux(self) except -1:
        cdef uint64_t code = 0, n = 0
        if not self.plain_length(&code):
            return 0
        if code == 0:
            self.state = TOP
        elif code <= 2:
            return self.plain_length(&n)
        elif code <= 4:
            if not self.has(4 if code == 3 else 8):
                return 0
            self.at += 4 if code == 3 else 8
        elif code == 5:
            return 0 if self.string() is None else 1
        else:
            raise CorruptData(f"unknown code {code} in a module's data")
        return 1

    cdef int checksum(self) except -1:
        cdef uint64_t stored
        if self.version >= 5:
            if not self.has(8):
                return 0
            stored = self.little(8)
            if stored != 0 and stored != self.crc:
                raise CorruptData(f"Wrong RDB checksum expected: ({stored:x}) but got ({self.crc:x})")
        self.summed = self.at
        self.state = FINISHED
        return 1

    cdef int read_key(self) except -1:
        key = self.string()
        if key is None:
            return 0
        self.key = key
        self.keys += 1
        self.state = VALUE
        return 1

    cdef int finish_value(self) except -1:
        self.expire = -1
        self.state = TOP
        return 1

    cdef int value(self) except -1:
        """The value behind a key: a whole string or blob, or the head of one that comes in elements."""
        cdef uint64_t n = 0, module = 0
        cdef int kind = self.kind
        if kind == 0:
            text = self.string()
            if text is None:
                return 0
            self.sink.string(self.key, text, self.expire)
            return self.finish_value()
        if kind == 6 or kind == 7:
            if not self.plain_length(&module):
                return 0
            raise UnsupportedData(f"key {self.key!r} holds a value of the module {module_name(module)}, which this engine does not have")
        if 9 <= kind <= 13 or kind == 16 or kind == 17 or kind == 20 or kind == 23 or kind == 25:
            return self.blob()
        if kind == 24:
            if not self.has(8):
                return 0
            self.base = <int64_t>self.little(8)
        if not self.plain_length(&n):
            return 0
        if n > LONGEST:
            raise CorruptData(f"a value of {n} elements")
        self.remaining = <Py_ssize_t>n
        self.sink.begin(KINDS[kind], self.key, n if kind != 14 and kind != 18 and KINDS[kind] != "stream" else 0, self.expire)
        self.state = NODES if kind == 14 or kind == 18 else STREAM_NODES if KINDS[kind] == "stream" else ELEMENTS
        return 1

    cdef int blob(self) except -1:
        """A value that is one compact blob."""
        cdef const unsigned char* p
        cdef Py_ssize_t n
        cdef int kind = self.kind
        cdef list items
        if kind == 25:
            if not self.has(8):
                return 0
            self.at += 8  # the earliest expiry of the fields: each field says its own, too
        text = self.string()
        if text is None:
            return 0
        p = <const unsigned char*>PyBytes_AS_STRING(text)
        n = PyBytes_GET_SIZE(text)
        if kind == 9:
            items = zipmap_items(p, n)
        elif kind == 10 or kind == 12 or kind == 13:
            items = ziplist_items(p, n)
        elif kind == 11:
            items = intset_items(p, n)
        else:
            items = listpack_items(p, n, False)
        width = 3 if kind == 23 or kind == 25 else 2 if KINDS[kind] in ("hash", "zset") else 1
        if len(items) % width:
            raise CorruptData("a compact value has an incomplete element")
        self.sink.begin(KINDS[kind], self.key, len(items) // width, self.expire)
        if kind == 23 or kind == 25:
            items[2::3] = [field_expiry(at) for at in items[2::3]]
            self.sink.expiring_fields(items)
        else:
            if KINDS[kind] == "zset":
                items[1::2] = [score(at) for at in items[1::2]]
            self.sink.items(items)
        self.sink.end()
        self.finish_value()
        return 1 + <int>len(items)

    cdef int elements(self) except -1:
        """Up to 128 elements of a plain list, set, hash or sorted set; elements that came are taken even when the next is not whole."""
        cdef list items = []
        cdef Py_ssize_t mark = self.at, taken = 0
        while taken < self.remaining and taken < 128:
            mark = self.at
            if not self.element(items):
                self.at = mark
                if taken == 0:
                    return 0
                break
            taken += 1
        self.remaining -= taken
        if taken:
            if self.kind == 22 or self.kind == 24:
                self.sink.expiring_fields(items)
            else:
                self.sink.items(items)
        if self.remaining == 0:
            self.sink.end()
            self.finish_value()
        return 1 + <int>taken

    cdef int element(self, list items) except -1:
        cdef uint64_t ttl = 0
        cdef int64_t at = -1
        cdef int kind = self.kind
        if kind == 24 or (kind == 22 and not self.valkey):
            if not self.plain_length(&ttl):
                return 0
            if ttl:
                at = <int64_t>ttl + (self.base - 1 if kind == 24 else 0)
        first = self.string()
        if first is None:
            return 0
        if kind == 1 or kind == 2:
            items.append(first)
            return 1
        second = self.string() if kind == 4 or kind >= 22 else self.double() if kind == 5 else self.old_double()
        if second is None:
            return 0
        if kind == 22 and self.valkey:
            if not self.has(8):
                return 0
            at = <int64_t>self.little(8)
        if (kind == 3 or kind == 5) and second != second:
            raise CorruptData("Zset with NAN score detected")
        items.append(first)
        items.append(second)
        if kind >= 22:
            items.append(at)
        return 1

    cdef int list_node(self) except -1:
        """One node of a quicklist: a ziplist, a listpack, or a single big element."""
        cdef uint64_t container = 2
        cdef list items
        if self.remaining == 0:
            self.sink.end()
            return self.finish_value()
        if self.kind == 18:
            if not self.plain_length(&container):
                return 0
            if container != 1 and container != 2:
                raise CorruptData("Quicklist integrity check failed: unknown kind of node")
        text = self.string()
        if text is None:
            return 0
        if container == 1:
            items = [text]
        elif self.kind == 18:
            items = listpack_items(<const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), False)
        else:
            items = ziplist_items(<const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        self.remaining -= 1
        if items:
            self.sink.items(items)
        return 1 + <int>len(items)

    # Streams.

    cdef object stream_id(self):
        """An id as two lengths, or None."""
        cdef uint64_t ms = 0, seq = 0
        if not self.plain_length(&ms) or not self.plain_length(&seq):
            return None
        return (ms, seq)

    cdef tuple raw_id(self):
        """An id as 16 bytes, big-endian; the caller has seen that they are there."""
        cdef uint64_t ms = 0, seq = 0
        cdef int i
        for i in range(8):
            ms = (ms << 8) | self.data[self.at + i]
            seq = (seq << 8) | self.data[self.at + 8 + i]
        self.at += 16
        return (ms, seq)

    cdef int stream_step(self) except -1:
        cdef uint64_t n = 0
        if self.state == STREAM_NODES:
            return self.stream_nodes()
        if self.state == STREAM_STATE:
            return self.stream_state()
        if self.state == STREAM_GROUPS:
            if self.remaining == 0:
                self.sink.end()
                return self.finish_value()
            return self.stream_group()
        if self.state == STREAM_PENDING:
            return self.stream_pending()
        if self.state == STREAM_CONSUMERS:
            if not self.plain_length(&n):
                return 0
            self.consumers = <Py_ssize_t>n
            self.state = STREAM_CONSUMER
            return 1
        if self.state == STREAM_CONSUMER:
            return self.stream_consumer()
        return self.stream_owned()

    cdef int stream_nodes(self) except -1:
        if self.remaining == 0:
            self.state = STREAM_STATE
            return 1
        key = self.string()
        text = None if key is None else self.string()
        if text is None:
            return 0
        entries = stream_node(key, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        self.remaining -= 1
        if entries:
            self.sink.stream_entries(entries)
        return 1 + <int>len(entries)

    cdef int stream_state(self) except -1:
        cdef uint64_t length = 0, added = 0, groups = 0
        if not self.plain_length(&length):
            return 0
        last = self.stream_id()
        if last is None:
            return 0
        first = deleted = (0, 0)
        if self.kind >= 19:
            first = self.stream_id()
            deleted = None if first is None else self.stream_id()
            if deleted is None or not self.plain_length(&added):
                return 0
        if not self.plain_length(&groups):
            return 0
        self.sink.stream_state(length, last, first, deleted, added if self.kind >= 19 else -1)
        self.remaining = <Py_ssize_t>groups
        self.state = STREAM_GROUPS
        return 1

    cdef int stream_group(self) except -1:
        cdef uint64_t read = 0, pending = 0
        name = self.string()
        last = None if name is None else self.stream_id()
        if last is None or (self.kind >= 19 and not self.plain_length(&read)) or not self.plain_length(&pending):
            return 0
        self.sink.stream_group(name, last, <int64_t>read if self.kind >= 19 else -1)
        self.quick = <Py_ssize_t>pending
        self.state = STREAM_PENDING
        return 1

    cdef int stream_pending(self) except -1:
        cdef list entries = []
        cdef Py_ssize_t mark
        cdef uint64_t count = 0
        cdef int64_t at
        while self.quick > 0 and len(entries) < 128:
            mark = self.at
            if not self.has(24):
                break
            entry_id = self.raw_id()
            at = <int64_t>self.little(8)
            if not self.plain_length(&count):
                self.at = mark
                break
            entries.append((*entry_id, at, count))
            self.quick -= 1
        if entries:
            self.sink.stream_pending(entries)
        if self.quick == 0:
            self.state = STREAM_CONSUMERS
            return 1 + <int>len(entries)
        return <int>len(entries)

    cdef int stream_consumer(self) except -1:
        cdef uint64_t owned = 0
        cdef int64_t seen, active = -1
        if self.consumers == 0:
            self.remaining -= 1
            self.state = STREAM_GROUPS
            return 1
        name = self.string()
        if name is None or not self.has(16 if self.kind >= 21 else 8):
            return 0
        seen = <int64_t>self.little(8)
        if self.kind >= 21:
            active = <int64_t>self.little(8)
        if not self.plain_length(&owned):
            return 0
        self.sink.stream_consumer(name, seen, active)
        self.consumers -= 1
        self.quick = <Py_ssize_t>owned
        self.state = STREAM_OWNED
        return 1

    cdef int stream_owned(self) except -1:
        cdef list ids = []
        while self.quick > 0 and len(ids) < 128 and self.has(16):
            ids.append(self.raw_id())
            self.quick -= 1
        if ids:
            self.sink.stream_owned(ids)
        if self.quick == 0:
            self.state = STREAM_CONSUMER
            return 1 + <int>len(ids)
        return <int>len(ids)


cdef object score(bytes text):
    try:
        value = float(text)
    except ValueError:
        raise CorruptData(f"a score that is no number: {text[:40]!r}") from None
    if value != value:
        raise CorruptData("Zset with NAN score detected")
    return value


cdef object field_expiry(bytes text):
    """Expiry of a hash field in its listpack: 0 is none."""
    try:
        return int(text) or -1
    except ValueError:
        raise CorruptData(f"a field's expiry that is no number: {text[:40]!r}") from None


def read_value(bytes payload not None, sink, bytes key not None, int64_t expire=-1) -> None:
    cdef RdbReader reader = RdbReader(sink)
    cdef int code
    if not payload:
        raise CorruptData("an empty payload")
    code = payload[0]
    if code != 0 and code not in KINDS and code not in (6, 7):
        raise CorruptData(f"unknown type of value {code}")
    reader.feed(payload[1:])
    reader.kind = code
    reader.key = key
    reader.expire = expire
    reader.state = VALUE
    reader.valkey = code == 22  # a payload does not say whose 22 it is: Valkey released it, Redis did not
    while reader.state != TOP:
        if reader.step() == 0:
            raise CorruptData("the payload ends within the value")
    if reader.at != reader.size:
        raise CorruptData(f"{reader.size - reader.at} bytes behind the value")
