"""The thresholds at which compound values change their form: Redis' `*-max-listpack-*` options, process-wide.

`config` sets them by their option names; the containers read the C struct. A value changes its form when it is next
written, never because a threshold moved, as in Redis.
"""

limits.hash_entries = 128
limits.hash_value = 64
limits.intset_entries = 512
limits.set_entries = 128     # Redis 7.2's option; 7.0 has no compact form for such sets, and OBJECT ENCODING hides ours
limits.set_value = 64
limits.zset_entries = 128
limits.zset_value = 64
limits.list_size = -2
limits.compress_depth = 0    # accepted; nodes are never compressed

NAMES = (
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "set-max-intset-entries",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "zset-max-listpack-entries",
    "zset-max-listpack-value",
    "list-max-listpack-size",
    "list-compress-depth",
)


cdef long long* place(str name) except NULL:
    cdef long long* first = &limits.hash_entries
    if name not in NAMES:
        raise KeyError(f"no such threshold: {name}")
    return first + <Py_ssize_t> NAMES.index(name)


def set_limit(name: str, value: int) -> None:
    place(name)[0] = value


def get_limit(name: str) -> int:
    return place(name)[0]
