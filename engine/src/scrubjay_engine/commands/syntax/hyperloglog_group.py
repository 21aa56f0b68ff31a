"""Arguments of the hyperloglog commands (see grammar.py for the notation)."""

SYNTAX = {
    "pfadd": "key:key@0 element?*",
    "pfcount": "key:key@0*",
    "pfdebug": "subcommand key:key@0",
    "pfmerge": "destkey:key@0 sourcekey:key@1*",
}
