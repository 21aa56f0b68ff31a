"""The open-loop generator as a program of its own, so that latency.py can give it a core.

One argument: a JSON list of port, request (hexadecimal), reply size, requests a second, seconds. Prints the latencies
in microseconds as a JSON list.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import open_loop

port, request, reply_size, rate, seconds = json.loads(sys.argv[1])
latencies = open_loop.measure(("127.0.0.1", port), bytes.fromhex(request), reply_size, rate, seconds)
json.dump([round(item, 1) for item in latencies], sys.stdout)
