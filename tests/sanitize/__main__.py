"""The engine's tests with AddressSanitizer: `make sanitize`.

    python tests/sanitize                          # all of it, some twenty minutes
    python tests/sanitize --only unit --only fuzz  # parts

A copy of the engine in the cache folder is compiled with `-fsanitize=address`, the interpreter gets the sanitizer's library and takes all
memory from malloc, so that a byte read or written outside its block ends the process with a report. Leaks are not looked for here: CPython
itself never frees some things (tests/leaks watches the engine's memory instead).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scrubjay" / "sanitize"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-o", "timeout=600"]
PARTS: dict[str, list[str]] = {
    "unit": [*PYTEST, "tests/unit/engine"],
    "fuzz": [*PYTEST, "tests/fuzz"],
    "commands": [*PYTEST, "tests/commands", "-m", "not slow"],
    "contract": [
        *(sys.executable, "tests/contract/run.py"),
        *(
            f"--unit=unit/{name}"
            for name in ("type/string", "type/hash", "type/set", "type/incr", "type/stream", "expire")
        ),
        *(f"--unit=unit/{name}" for name in ("type/zset", "type/list", "bitops", "hyperloglog", "multi", "protocol")),
    ],
}


def main() -> int:
    """0 when nothing was reported and every test passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", action="append", choices=list(PARTS), help="this part; may be repeated (all)")
    wanted = parser.parse_args().only or list(PARTS)
    print("compiling the engine with AddressSanitizer (some minutes the first time)", flush=True)
    source = build()
    failed = []
    with tempfile.TemporaryDirectory() as reports:
        for part in wanted:
            print(f"=== {part}", flush=True)
            status = subprocess.run(PARTS[part], cwd=REPO, env=environment(source, reports), check=False).returncode
            found = sorted(Path(reports).iterdir())
            for report in found:
                print(report.read_text(errors="replace")[:6000])
                report.unlink()
            if status or found:
                failed.append(part)
    print(f"sanitize: {', '.join(failed)} failed" if failed else "sanitize: clean")
    return 1 if failed else 0


def build() -> Path:
    """The folder with the compiled package: a copy, so that the working tree keeps its own modules."""
    engine = CACHE / "engine"
    engine.mkdir(parents=True, exist_ok=True)
    shutil.copy2(REPO / "engine" / "setup.py", engine)
    shutil.copy2(REPO / "engine" / "pyproject.toml", engine)
    wanted = set()
    for path in (REPO / "engine" / "src").rglob("*"):
        if path.suffix in (".py", ".pyx", ".pxd", ".pxi"):
            target = engine / path.relative_to(REPO / "engine")
            wanted.add(target)
            if not target.exists() or target.read_bytes() != path.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    for path in (engine / "src").rglob("*"):
        if path.suffix in (".py", ".pyx", ".pxd", ".pxi") and path not in wanted:
            path.unlink()
    compiler = f"{'ccache ' if shutil.which('ccache') else ''}{os.environ.get('CC', 'gcc')}"
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=engine,
        env={**os.environ, "SCRUBJAY_SANITIZE": "1", "CC": compiler, "CCACHE_NOHASHDIR": "1"},
        check=True,
    )
    return engine / "src"


def environment(source: Path, reports: str) -> dict[str, str]:
    """The tests' environment: the sanitizer first, the compiled copy before the working tree."""
    library = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
    ).stdout.strip()
    options = f"detect_leaks=0:allocator_may_return_null=1:log_path={reports}/report"
    return {
        **os.environ,
        "LD_PRELOAD": os.path.realpath(library),
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(source),
        "ASAN_OPTIONS": options,
    }


if __name__ == "__main__":
    sys.exit(main())
