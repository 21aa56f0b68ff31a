"""Arguments of the pubsub commands (see grammar.py for the notation)."""

SYNTAX = {
    "psubscribe": "pattern:block*(pattern:pattern)",
    "publish": "channel message",
    "pubsub|channels": "pattern:pattern?",
    "pubsub|numsub": "channel?*",
    "pubsub|shardchannels": "pattern:pattern?",
    "pubsub|shardnumsub": "shardchannel?*",
    "punsubscribe": "pattern:pattern?*",
    "spublish": "shardchannel message",
    "ssubscribe": "shardchannel*",
    "subscribe": "channel*",
    "sunsubscribe": "shardchannel?*",
    "unsubscribe": "channel?*",
}
