"""Replies that the geo commands have in common. See geo_members.pyx."""

from scrubjay_engine.core.client cimport Client


cdef int add_degrees(Client client, double degrees) except -1
cdef int add_distance(Client client, double metres) except -1
