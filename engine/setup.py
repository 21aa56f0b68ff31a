"""Compiles the engine's Cython modules: every .pyx below src/ becomes the extension module of the same dotted name.

`SCRUBJAY_SANITIZE=1` compiles with AddressSanitizer (see `make sanitize`); `SCRUBJAY_DEBUG=1` keeps symbols and
switches Cython's bounds checks on.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCE = Path("src")
SANITIZE = os.environ.get("SCRUBJAY_SANITIZE") == "1"
DEBUG = SANITIZE or os.environ.get("SCRUBJAY_DEBUG") == "1"
COMPILE = (
    ["-O1", "-g", "-fsanitize=address", "-fno-omit-frame-pointer"]
    if SANITIZE
    else ["-O2", "-g"]
    if DEBUG
    else ["-O3", "-g0"]
)
os.environ.setdefault("CCACHE_NOHASHDIR", "1")  # where CC is ccache, what one clone compiled serves all
LINK = ["-fsanitize=address"] if SANITIZE else ["-Wl,-s"] if not DEBUG else []
# Metadata and editable installations need nothing compiled: those of a working tree are compiled in place (`make build`),
# and not once more in a folder of uv's whenever a source has changed.
COMPILING = bool({"build", "build_ext", "bdist_wheel"} & set(sys.argv))


# Libraries of the system that a module is linked with (headers: Debian's libssl-dev).
LIBRARIES = {"scrubjay_engine.security.tls": ["ssl", "crypto"]}


def extension(path: Path) -> Extension:
    name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    return Extension(
        name,
        [str(path)],
        extra_compile_args=[*COMPILE, "-Wno-unused-function", "-Wno-unreachable-code", "-fno-strict-aliasing"],
        extra_link_args=LINK,
        libraries=LIBRARIES.get(name, []),
    )


def extensions() -> list[Extension]:
    compiled: list[Extension] = cythonize(
        [extension(path) for path in sorted(SOURCE.rglob("*.pyx"))],
        build_dir="build/cython",
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
        },
    )
    return compiled


setup(ext_modules=extensions() if COMPILING else [], options={"build_ext": {"parallel": os.cpu_count() or 1}})
