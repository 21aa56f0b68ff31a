"""Runs in a client pod: writes unique values, one after another, counts what was acknowledged, and reads all of it back at the end.

    writer.py HOST RATE REPORT STOP

Until the file STOP exists, and then until one more write is acknowledged (an outage at the end counts too), it sets about RATE keys a second over one connection, never the same key twice. A write without an answer is not repeated: it may or may not be there, and is not counted.
After an error it connects anew. Then it reads every acknowledged key back and writes REPORT (JSON): `acknowledged`, `lost`, `outage` (the longest time
between two acknowledgements, seconds, and when it began), `errors` by their first words, `first` and `last` acknowledgement (Unix time).
"""

import json
import os
import sys
import time
from collections import Counter

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_WITHIN_S, CONNECT_WITHIN_S = 1.0, 0.5
READ_BACK_WITHIN_S = 60.0


class Writer:
    def __init__(self, host: str, rate: float) -> None:
        self.host, self.period = host, 1.0 / rate
        self.run = os.urandom(4).hex()
        self.next = 0
        self.acknowledged: list[int] = []
        self.errors: Counter[str] = Counter()
        self.first = self.last = 0.0
        self.outage, self.outage_began = 0.0, 0.0

    def key(self, number: int) -> str:
        return f"w:{self.run}:{number}"

    def write_until(self, stop: str) -> None:
        """Write; the clock goes on through an outage, so that it does not end in a burst."""
        client = self.connect()
        due = time.monotonic()
        stopping: float | None = None
        while not self.ends(stopping):
            if stopping is None and os.path.exists(stop):
                stopping = time.time()
            number, self.next = self.next, self.next + 1
            try:
                client.set(self.key(number), f"{self.run}-{number}")
            except (redis.RedisError, OSError) as error:
                self.errors[f"{type(error).__name__}: {error}"[:60]] += 1
                client.close()
                time.sleep(0.02)
                client = self.connect()
            else:
                self.count(number)
            due = max(due + self.period, time.monotonic() - 0.05)
            time.sleep(max(0.0, due - time.monotonic()))
        client.close()

    def ends(self, stopping: float | None) -> bool:
        """Told to stop, and the cache has answered since (or does not any more)."""
        return stopping is not None and (self.last > stopping or time.time() > stopping + READ_BACK_WITHIN_S)

    def count(self, number: int) -> None:
        now = time.time()
        if self.acknowledged and now - self.last > self.outage:
            self.outage, self.outage_began = now - self.last, self.last
        self.first, self.last = self.first or now, now
        self.acknowledged.append(number)

    def connect(self) -> "redis.Redis":
        return redis.Redis(
            host=self.host,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=ANSWER_WITHIN_S,
            socket_connect_timeout=CONNECT_WITHIN_S,
        )

    def lost(self) -> list[int]:
        """The acknowledged writes that cannot be read back."""
        missing = []
        for at in range(0, len(self.acknowledged), 500):
            numbers = self.acknowledged[at : at + 500]
            found = self.read([self.key(n) for n in numbers])
            missing += [n for n, value in zip(numbers, found, strict=True) if value != f"{self.run}-{n}"]
        return missing

    def read(self, keys: list[str]) -> list[object]:
        deadline = time.monotonic() + READ_BACK_WITHIN_S
        while True:
            try:
                return list(self.connect().mget(keys))
            except (redis.RedisError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def report(self) -> dict[str, object]:
        now = time.time()
        if now - self.last > self.outage:
            self.outage, self.outage_began = now - self.last, self.last
        lost = self.lost()
        return {
            "acknowledged": len(self.acknowledged),
            "attempted": self.next,
            "lost": len(lost),
            "first_lost": lost[:3],
            "last_lost": lost[-3:],
            "outage": round(self.outage, 3),
            "outage_began": self.outage_began,
            "first": self.first,
            "last": self.last,
            "errors": dict(self.errors),
        }


def main() -> None:
    host, rate, report, stop = sys.argv[1:]
    writer = Writer(host, float(rate))
    writer.write_until(stop)
    with open(report + ".part", "w") as file:
        json.dump(writer.report(), file)
    os.rename(report + ".part", report)


if __name__ == "__main__":
    main()
