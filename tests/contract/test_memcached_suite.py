"""memcached 1.6.18's own protocol tests and libmemcached's memccapable against our engine: the quick files.

All of them: `python tests/contract/run_memcached.py --daemon`, and `--spawn` for those that start their servers.
"""

import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("run_memcached.py")


@pytest.mark.timeout(300)
def test_protocol_files_and_memccapable() -> None:
    done = subprocess.run(
        [sys.executable, str(RUNNER), "--daemon", "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "memccapable                 pass          54 ok" in done.stdout, done.stdout
