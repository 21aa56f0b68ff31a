"""Long runs of the fuzz targets: `make fuzz`.

    python tests/fuzz                                  # every target in turn, five minutes each
    python tests/fuzz --target restore --seconds 3600 --seed 7
    python tests/fuzz --target parser --atheris        # guided by coverage of the Python modules (`uv sync --group fuzz`)
    python tests/fuzz --target dispatch --input FILE   # what was found, again

Each target runs in a process of its own that writes down every input before it uses it, so that a crash leaves the input behind.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

from fuzz.inputs import inputs

TARGETS = ("parser", "dispatch", "restore")
FRESH = 500  # inputs after which the server is emptied
HANG_SECONDS = 60


def main() -> int:
    """0 when nothing was found."""
    options = arguments()
    if options.input:
        one_input(options.target[0], options.input.read_bytes())
        return 0
    if options.inside:
        work(options)
        return 0
    failed = 0
    for target in options.target or TARGETS:
        failed += supervise(target, options)
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be repeated")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long, each target (300)")
    parser.add_argument("--seed", type=int, help="of the random inputs (chosen by the time, and shown)")
    parser.add_argument("--atheris", action="store_true", help="let atheris find inputs, following coverage")
    parser.add_argument("--input", type=Path, help="run one input from a file")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)  # where the process that fuzzes writes its input
    return parser.parse_args()


def supervise(target: str, options: argparse.Namespace) -> int:
    """Run one target in a process of its own; 1 when it found something."""
    seed = options.seed if options.seed is not None else int(time.time())
    print(f"{target}: {options.seconds:.0f} s, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder, "input")
        command = [sys.executable, __file__, "--target", target, "--seconds", str(options.seconds), "--seed", str(seed)]
        command += ["--inside", str(current), *(["--atheris"] if options.atheris else [])]
        try:
            status = subprocess.run(command, check=False, timeout=options.seconds + HANG_SECONDS).returncode
        except subprocess.TimeoutExpired:
            status = 124
        if status == 0:
            return 0
        data = current.read_bytes()
    kept = Path(f"fuzz-{target}-{hashlib.sha256(data).hexdigest()[:12]}.bin").resolve()
    kept.write_bytes(data)
    how = "hung" if status == 124 else f"died by signal {-status}" if status < 0 else "failed"
    print(f"{target} {how}. Again: python tests/fuzz --target {target} --input {kept}")
    return 1


def work(options: argparse.Namespace) -> None:
    """The process that fuzzes."""
    target, current = options.target[0], options.inside
    if options.atheris:
        guided(target, current, options)
        return
    from fuzz.targets import TARGETS as RUN
    from fuzz.world import World

    world = World()
    world.restrict()
    ends, ran = time.monotonic() + options.seconds, 0
    for data in inputs(target, options.seed):
        current.write_bytes(data)
        RUN[target](world, data)
        ran += 1
        if ran % FRESH == 0:
            world.reset()
            if time.monotonic() > ends:
                break
    world.close()
    print(f"{target}: {ran:,} inputs, nothing found", flush=True)


def guided(target: str, current: Path, options: argparse.Namespace) -> None:
    """atheris instruments the engine's Python modules while they are imported; compiled ones it sees from outside."""
    import atheris

    with atheris.instrument_imports(include=["scrubjay_engine"]):
        from fuzz.targets import TARGETS as RUN
        from fuzz.world import World

        world = World()
    world.restrict()

    def once(data: bytes) -> None:
        current.write_bytes(data)
        RUN[target](world, data)

    with tempfile.TemporaryDirectory() as corpus:
        for index, data in zip(range(200), inputs(target, options.seed), strict=False):
            Path(corpus, str(index)).write_bytes(data)
        atheris.Setup([sys.argv[0], corpus, f"-max_total_time={options.seconds:.0f}", f"-seed={options.seed}"], once)
        signal.signal(signal.SIGINT, lambda *_: os._exit(1))
        atheris.Fuzz()


def one_input(target: str, data: bytes) -> None:
    """What was found, again."""
    from fuzz.targets import TARGETS as RUN
    from fuzz.world import World

    world = World()
    world.restrict()
    RUN[target](world, data)
    world.close()
    print("nothing wrong with it")


if __name__ == "__main__":
    sys.exit(main())
