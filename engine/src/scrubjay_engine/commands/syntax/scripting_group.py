"""Arguments of the scripting commands (see grammar.py for the notation)."""

SYNTAX = {
    "eval": "script numkeys:integer key:key@0?* arg?*",
    "eval_ro": "script numkeys:integer key:key@0?* arg?*",
    "evalsha": "sha1 numkeys:integer key:key@0?* arg?*",
    "evalsha_ro": "sha1 numkeys:integer key:key@0?* arg?*",
    "fcall": "function numkeys:integer key:key@0?* arg?*",
    "fcall_ro": "function numkeys:integer key:key@0?* arg?*",
    "function|delete": "library-name",
    "function|flush": "async:oneof?(async=ASYNC sync=SYNC)",
    "function|list": "library-name-pattern:string=LIBRARYNAME? withcode=WITHCODE?",
    "function|load": "replace=REPLACE? function-code",
    "function|restore": "serialized-value policy:oneof?(flush=FLUSH append=APPEND replace=REPLACE)",
    "script|debug": "mode:oneof(yes=YES sync=SYNC no=NO)",
    "script|exists": "sha1*",
    "script|flush": "async:oneof?^6.2.0(async=ASYNC sync=SYNC)",
    "script|load": "script",
}
