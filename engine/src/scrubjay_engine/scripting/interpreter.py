"""Finds the Lua 5.1 interpreter that lupa ships. See lua51.pxd for how its C interface is used."""

import ctypes
import os
from functools import cache

import lupa.lua51


@cache
def library() -> int:
    """The dlopen handle of lupa's Lua 5.1 (opened without adding its names to the process)."""
    return ctypes.CDLL(lupa.lua51.__file__, mode=os.RTLD_LOCAL | os.RTLD_NOW)._handle
