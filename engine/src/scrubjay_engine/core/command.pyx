"""The command table: what DISPATCH, COMMAND, ACL, cluster redirection and the docs know about each command.

A family module ends in its own list, `COMMANDS = family("string", [command(...), ...])`, hot Cython ones in a function that calls `make_hot`; `server.py`
adds them all to one `Table`. Flags and key specifications are Redis' (https://redis.io/docs/reference/command-tips, key-specs).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memset

from scrubjay_engine.values.memory cimport zcalloc, zfree

FLAGS = {
    "write": CMD_WRITE, "readonly": CMD_READONLY, "denyoom": CMD_DENYOOM, "admin": CMD_ADMIN, "pubsub": CMD_PUBSUB,
    "noscript": CMD_NOSCRIPT, "blocking": CMD_BLOCKING, "loading": CMD_LOADING, "stale": CMD_STALE,
    "skip_monitor": CMD_SKIP_MONITOR, "skip_slowlog": CMD_SKIP_SLOWLOG, "asking": CMD_ASKING, "fast": CMD_FAST,
    "no_auth": CMD_NO_AUTH, "may_replicate": CMD_MAY_REPLICATE, "no_mandatory_keys": CMD_NO_MANDATORY_KEYS,
    "allow_busy": CMD_ALLOW_BUSY, "no_multi": CMD_NO_MULTI, "movablekeys": CMD_MOVABLEKEYS, "protected": CMD_PROTECTED,
    "no_async_loading": CMD_NO_ASYNC_LOADING, "no_role": CMD_NO_ROLE,
}
# Flags of ours that COMMAND INFO does not show.
HIDDEN = CMD_PROTECTED | CMD_NO_ROLE | CMD_MAY_REPLICATE
GROUP_CATEGORY = {
    "string": "string", "list": "list", "set": "set", "sorted-set": "sortedset", "hash": "hash", "bitmap": "bitmap",
    "hyperloglog": "hyperloglog", "geo": "geo", "stream": "stream", "pubsub": "pubsub", "generic": "keyspace",
    "transactions": "transaction", "scripting": "scripting", "connection": "connection",
}


class KeySpec:
    """Where a command's keys are: begin_search, find_keys and what is done with them, as COMMAND INFO shows them."""

    __slots__ = ("begin", "find", "flags", "notes")

    def __init__(self, begin, find, flags, notes=""):
        self.begin = begin      # ("index", pos) | ("keyword", word, startfrom) | ("unknown",)
        self.find = find        # ("range", last, step, limit) | ("keynum", keynumidx, firstkey, step) | ("unknown",)
        self.flags = tuple(flags.split())
        self.notes = notes

    def positions(self, list args):
        """Indices into args; [] where they can't be told."""
        cdef int first, last, step, limit, count, n = len(args)
        if self.begin[0] == "index":
            first = self.begin[1]
        elif self.begin[0] == "keyword":
            first = keyword_position(args, self.begin[1], self.begin[2])
            if first == 0:
                return []
        else:
            return []
        if self.find[0] == "range":
            last, step, limit = self.find[1], self.find[2], self.find[3]
            if last >= 0:
                last += first
            elif limit <= 1:
                last += n
            else:
                last = first + (n - first) // limit + last
            return [i for i in range(first, last + 1, step) if i < n] if first < n else []
        if self.find[0] == "keynum":
            if first + self.find[1] >= n:
                return []
            try:
                count = int(args[first + self.find[1]])
            except (ValueError, OverflowError):
                return []
            begin = first + self.find[2]
            if count <= 0 or begin + (count - 1) * self.find[3] >= n:
                return []
            return [begin + i * self.find[3] for i in range(count)]
        return []


cdef int keyword_position(list args, bytes word, int start):
    cdef int n = len(args), i
    cdef bytes arg
    if start >= 0:
        for i in range(start, n - 1):
            arg = args[i]
            if arg.upper() == word:
                return i + 1
    else:
        for i in range(n + start, 0, -1):
            arg = args[i]
            if arg.upper() == word:
                return i + 1
    return 0


def key(int at=1, str flags="RO access"):
    """One key at that position."""
    return [KeySpec(("index", at), ("range", 0, 1, 0), flags)]


def keys(int first=1, int last=-1, int step=1, str flags="RO access"):
    """Keys from `first` to `last` (negative: from the end) every `step`."""
    return [KeySpec(("index", first), ("range", last if last < 0 else last - first, step, 0), flags)]


def numkeys(int at, str flags="RO access"):
    """A count at that position, then so many keys."""
    return [KeySpec(("index", at), ("keynum", 0, 1, 1), flags)]


def keyword(str word, int start, str flags="RO access", int last=0, int step=1, int limit=0):
    """Keys behind a keyword (STREAMS, STORE)."""
    return [KeySpec(("keyword", word.encode().upper(), start), ("range", last, step, limit), flags)]


def unknown_keys(str flags="RO access", str notes=""):
    """Keys that no specification can describe; `getkeys` finds them."""
    return [KeySpec(("unknown",), ("unknown",), flags, notes)]


cdef class Command:
    """One command or subcommand. Made by `command(...)`, or `make_hot` for Cython handlers."""

    def __cinit__(self, str name, handler, int arity, str flags="", **about):
        self.name = name.lower()
        self.handler = handler
        self.arity = arity
        for word in flags.split():
            self.flags |= FLAGS[word]
        self.key_specs = about.get("keys") or []
        self.getkeys = about.get("getkeys")
        self.group = about.get("group", "")
        self.since = about.get("since", "1.0.0")
        self.summary = about.get("summary", "")
        self.complexity = about.get("complexity", "")
        self.tips = about.get("tips") or []
        self.history = about.get("history") or []
        self.arguments = about.get("arguments") or []
        self.categories = frozenset(about.get("categories", "").split())
        if self.getkeys is not None or any(spec.find[0] == "keynum" or spec.begin[0] != "index" for spec in self.key_specs):
            self.flags |= CMD_MOVABLEKEYS
        subcommands = about.get("subcommands")
        if subcommands:
            self.subcommands = {}
            for sub in subcommands:
                self.adopt(sub)

    def adopt(self, Command sub) -> None:
        """Makes a command a subcommand of this container."""
        self.subcommands[sub.name.encode()] = sub
        sub.name = f"{self.name}|{sub.name}"
        sub.parent = self

    def __dealloc__(self):
        zfree(self.latency)

    def settle(self, str group, int number) -> None:
        """Fills in what is known once the family and the table are: group, categories, number."""
        cdef uint64_t flags = self.flags
        self.group = self.group or group
        self.number = number
        categories = set(self.categories)
        if flags & CMD_WRITE:
            categories.add("write")
        if flags & CMD_READONLY and self.group != "scripting":
            categories.add("read")
        if flags & CMD_ADMIN:
            categories.update(("admin", "dangerous"))
        if flags & CMD_PUBSUB:
            categories.add("pubsub")
        categories.add("fast" if flags & CMD_FAST else "slow")
        if flags & CMD_BLOCKING:
            categories.add("blocking")
        if self.group in GROUP_CATEGORY and (self.handler is not None or not self.subcommands):
            categories.add(GROUP_CATEGORY[self.group])
        # `-name` takes a category away that the group or the flags would give.
        without = {word for word in categories if word.startswith("-")}
        self.categories = frozenset(categories - without - {word[1:] for word in without})

    @property
    def flag_names(self) -> list[str]:
        """As COMMAND INFO names them."""
        return [word for word, bit in FLAGS.items() if self.flags & bit and not bit & HIDDEN]

    @property
    def simple_keys(self) -> tuple[int, int, int]:
        """(first, last, step) as COMMAND INFO shows them; (0, 0, 0) where the command has no keys at fixed places."""
        first = last = step = 0
        for spec in self.key_specs:
            if spec.begin[0] == "index" and spec.find[0] == "range":
                start, end = spec.begin[1], spec.find[1]
                end = start + end if end >= 0 else end
                if first == 0:
                    first, last, step = start, end, spec.find[2]
                elif spec.find[2] == 1 and last >= 0 and start <= last + 1 and (end < 0 or end > last):
                    last = end
            else:
                continue
        return first, last, step

    cpdef list keys(self, list args):
        """The keys among `args` (name at index 0): for ACL, cluster, tracking and COMMAND GETKEYS."""
        if self.getkeys is not None:
            return [args[i] for i in self.getkeys(args)]
        return [args[i] for i in self.key_positions(args)]

    def key_positions(self, list args) -> list[int]:
        if self.getkeys is not None:
            return self.getkeys(args)
        positions = []
        for spec in self.key_specs:
            positions.extend(spec.positions(args))
        return positions

    cdef int record(self, uint64_t nanoseconds) except -1:
        cdef int bucket = 0
        cdef uint64_t rest = nanoseconds
        self.calls += 1
        self.nanoseconds += nanoseconds
        if self.latency == NULL:
            self.latency = <uint64_t*>zcalloc(LATENCY_BUCKETS * sizeof(uint64_t))
        bucket = 64 - clzll(rest | 1)
        self.latency[bucket if bucket < LATENCY_BUCKETS else LATENCY_BUCKETS - 1] += 1
        return 0

    def note(self, uint64_t nanoseconds) -> None:
        """Counts a call that took so long."""
        self.record(nanoseconds)

    def histogram(self) -> list[int]:
        """Calls by duration: element i counts calls of less than 2**i nanoseconds (and at least 2**(i-1))."""
        return [self.latency[i] for i in range(LATENCY_BUCKETS)] if self.latency != NULL else []

    def reset_statistics(self) -> None:
        self.calls = self.nanoseconds = self.rejected = self.failed = 0
        if self.latency != NULL:
            memset(self.latency, 0, LATENCY_BUCKETS * sizeof(uint64_t))

    def reset_histogram(self) -> None:
        if self.latency != NULL:
            memset(self.latency, 0, LATENCY_BUCKETS * sizeof(uint64_t))

    cdef Command subcommand(self, const char* name, Py_ssize_t size):
        return self.subcommands.get(name[:size].lower())

    def __repr__(self) -> str:
        return f"<Command {self.name}>"


cdef extern from *:
    int clzll "__builtin_clzll"(unsigned long long x) nogil


def command(str name, handler, int arity, str flags="", **about) -> Command:
    """One row of a family's table. `about`: keys, getkeys, since, summary, complexity, categories, subcommands, tips, history, arguments."""
    return Command(name, handler, arity, flags, **about)


cdef Command make_hot(
    str name, void* handler, int arity, str flags, list key_specs, str group, str since, str summary, str complexity
):
    """A row for a Cython handler (a HotHandler, see client.pxd)."""
    cdef Command made = Command(name, None, arity, flags, keys=key_specs, group=group, since=since, summary=summary, complexity=complexity)
    made.hot = handler
    return made


def family(str group, list commands) -> list[Command]:
    """Marks a list of commands as one family (Redis' group: string, list, sorted-set ...)."""
    for row in commands:
        settle_group(row, group)
    return commands


cdef void settle_group(Command row, str group):
    row.group = row.group or group
    if row.subcommands:
        for sub in row.subcommands.values():
            settle_group(sub, group)


cdef inline size_t name_hash(const char* name, Py_ssize_t size) noexcept nogil:
    """FNV-1a over the lower-case letters: the names are ours, so nobody can attack it."""
    cdef uint64_t hash = <uint64_t>0xcbf29ce484222325
    cdef Py_ssize_t i
    for i in range(size):
        hash = (hash ^ (<unsigned char>name[i] | 0x20)) * <uint64_t>0x100000001b3
    return <size_t>(hash ^ (hash >> 29))


cdef class Table:
    """All commands, found by name without regard to case and without making a Python object."""

    def __cinit__(self):
        self.by_name = {}
        self.all = []
        self.mask = 2047
        self.slots = <void**>zcalloc((self.mask + 1) * sizeof(void*))

    def __dealloc__(self):
        zfree(self.slots)

    cpdef void add(self, Command command):
        cdef bytes name = command.name.encode()
        cdef size_t at = name_hash(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)) & self.mask
        if name in self.by_name:
            raise ValueError(f"two commands are called {command.name}")
        if len(self.all) > 1000:
            raise ValueError("the command table is too small")
        self.by_name[name] = command
        while self.slots[at] != NULL:
            at = (at + 1) & self.mask
        self.slots[at] = <void*>command
        command.settle("", len(self.all))
        self.all.append(command)
        if command.subcommands:
            for sub in command.subcommands.values():
                sub.settle(command.group, len(self.all))
                self.all.append(sub)

    def add_family(self, rows) -> None:
        for row in rows:
            self.add(row)

    cdef Command find(self, const char* name, Py_ssize_t size):
        cdef size_t at = name_hash(name, size) & self.mask
        cdef Command found
        while self.slots[at] != NULL:
            found = <Command>self.slots[at]
            if same_name(found.name, name, size):
                return found
            at = (at + 1) & self.mask
        return None

    def lookup(self, bytes name):
        """By name, `client|id` for a subcommand; None when unknown."""
        container, _, sub = name.lower().partition(b"|")
        found = self.by_name.get(container)
        if sub and found is not None:
            return (found.subcommands or {}).get(sub)
        return found


cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size)


cdef inline bint same_name(str known, const char* name, Py_ssize_t size):
    cdef Py_ssize_t length
    cdef const char* text = PyUnicode_AsUTF8AndSize(known, &length)
    cdef Py_ssize_t i
    cdef unsigned char c
    if length != size:
        return False
    for i in range(size):
        c = <unsigned char>name[i]
        if 65 <= c <= 90:
            c |= 0x20
        if c != <unsigned char>text[i]:
            return False
    return True
