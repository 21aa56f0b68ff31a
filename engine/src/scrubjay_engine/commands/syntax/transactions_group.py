"""Arguments of the transactions commands (see grammar.py for the notation)."""

SYNTAX = {
    "watch": "key:key@0*",
}
