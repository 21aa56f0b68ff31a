"""Logging: one line a message, for people (`text`) or for machines (`json`)."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

QUIET = ("kopf", "aiohttp.access", "asyncio")


def set_up_logging(level: str, style: str) -> None:
    """Configure the root logger. Kopf's own chatter starts at warnings, unless all is wanted."""
    handler = logging.StreamHandler(sys.stdout)
    if style == "json":
        fields = "{asctime}{levelname}{name}{message}"
        handler.setFormatter(
            JsonFormatter(fields, style="{", rename_fields={"asctime": "time", "levelname": "level", "name": "logger"})
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
        # It warns that it does not handle signals: __main__ does.
        logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
