"""The thresholds at which values change their form; see limits.pyx."""


cdef struct Limits:
    long long hash_entries
    long long hash_value
    long long intset_entries
    long long set_entries
    long long set_value
    long long zset_entries
    long long zset_value
    long long list_size
    long long compress_depth

cdef Limits limits
