"""The families the server consists of, in the order they are installed. A module has `COMMANDS` (or `table()`), and `install(server)` where it keeps state."""

MODULES = [
    "scrubjay_engine.commands.strings",
    "scrubjay_engine.commands.bitmaps",
    "scrubjay_engine.commands.hyperloglog",
    "scrubjay_engine.commands.geo",
    "scrubjay_engine.commands.geo_search",
    "scrubjay_engine.commands.streams",
    "scrubjay_engine.commands.stream_groups",
    "scrubjay_engine.commands.stream_reads",
    "scrubjay_engine.commands.stream_info",
    "scrubjay_engine.commands.keys",
    "scrubjay_engine.commands.connection",
    "scrubjay_engine.commands.server",
    "scrubjay_engine.commands.info",
    "scrubjay_engine.commands.replication",
    "scrubjay_engine.commands.persistence",
    "scrubjay_engine.admin",
    "scrubjay_engine.commands.transactions",
    "scrubjay_engine.commands.pubsub",
    "scrubjay_engine.commands.scripting",
    "scrubjay_engine.commands.functions",
]
