"""`scrubjay-engine [FILE] [--name value ...]`: the command line."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import time

import uvloop

from scrubjay_engine.config import Config, ConfigError, show_value
from scrubjay_engine.options import OPTIONS
from scrubjay_engine.server import LEVELS, Server
from scrubjay_engine.version import VERSION

USAGE = """scrubjay-engine {version}: a cache server that speaks Redis and Memcached

usage: scrubjay-engine [FILE] [--OPTION VALUE ...]

FILE is a configuration file in redis.conf's format. Examples:

  scrubjay-engine                                    serve on port 6379
  scrubjay-engine --port 7000 --maxmemory 2gb        with options
  scrubjay-engine /etc/scrubjay.conf --loglevel debug

options (name, default):
"""


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, where, message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up_logging(config: Config) -> None:
    """To standard output, or to `logfile`."""
    path = config.text("logfile")
    handler: logging.Handler = logging.FileHandler(path) if path else logging.StreamHandler(sys.stdout)
    if config.text("log-format") == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(
            logging.Formatter("%(process)d:M %(asctime)s.%(msecs)03d %(levelname).1s %(message)s", "%d %b %Y %H:%M:%S")
        )
    logger = logging.getLogger("scrubjay_engine")
    logger.handlers[:] = [handler]
    logger.setLevel(LEVELS[config.text("loglevel")])
    logger.propagate = False


def usage() -> str:
    """The help text with every option that has an effect."""
    rows = [f"  --{o.name:38} {show_value(o, Config().values[o.name])}" for o in OPTIONS.values() if o.effect]
    return USAGE.format(version=VERSION) + "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Runs the server; the process's exit code. 1: the configuration can't be used, or the data can't be loaded."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] in (["--help"], ["-h"]):
        print(usage())
        return 0
    if given[:1] in (["--version"], ["-v"]):
        print(f"scrubjay-engine v={VERSION}")
        return 0
    config = Config()
    try:
        config.load(given)
        set_up_logging(config)
        # What is made from here on lives long or dies by reference count: collections would only cost pauses.
        gc.freeze()
        gc.disable()
        logging.getLogger("scrubjay_engine").info("scrubjay-engine %s starting, pid=%d", VERSION, os.getpid())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(config))
    except ConfigError as error:
        print(f"scrubjay-engine: {error}", file=sys.stderr)
        return 1


async def serve(config: Config) -> int:
    """One server from start to end."""
    return await Server(config).run()


if __name__ == "__main__":
    sys.exit(main())
