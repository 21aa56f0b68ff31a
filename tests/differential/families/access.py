"""ACL: rules, their normal form, what they permit, and the errors. Users are made and asked about; nobody logs in as them."""

from differential import compare
from differential.grammar import Family, command, either, maybe, one_of, pool, some

WHO = pool("ann", "bob", "ann")
RULE = pool(
    *(
        "on",
        "off",
        "nopass",
        "resetpass",
        ">secret",
        "<secret",
        "#" + "ab" * 32,
        "!" + "ab" * 32,
        "allkeys",
        "~a*",
        "~b:*",
        "%R~r*",
        "%W~w*",
        "%RW~x",
    ),
    *(
        "resetkeys",
        "allchannels",
        "resetchannels",
        "&news.*",
        "allcommands",
        "nocommands",
        "+@all",
        "-@all",
        "+@read",
        "-@write",
        "+@string",
    ),
    *(
        "-@dangerous",
        "+get",
        "-get",
        "+set",
        "+config|get",
        "-config|set",
        "+config",
        "-config",
        "+select|0",
        "+@nosuch",
        "+nosuch",
        "bad",
        "clearselectors",
    ),
    *(
        "(+get ~s*)",
        "(+@read %R~q* &c)",
        "(bad)",
        "reset",
        "%X~a",
        "~",
        "sanitize-payload",
        "skip-sanitize-payload",
        "+debug|digest",
        "-client|id",
        "+client",
    ),
)
TRIED = either(
    *(
        "get a1",
        "get b:1",
        "set a1 x",
        "config get x",
        "config set a b",
        "mget a1 b:1",
        "copy a1 w1",
        "publish news.x y",
        "client id",
        "eval x 0",
    ),
    *(
        "nosuch",
        "get",
        "subscribe c",
        "lmpop 2 a1 s1 LEFT",
        "zunionstore w1 2 a1 r1",
        "sort a1 STORE w1",
        "xread streams a1 0",
        "spublish c x",
        "debug digest",
    ),
)

FAMILY = Family(
    "access",
    one_of(
        command("ACL SETUSER", WHO, some(RULE, least=0, most=4)),
        command("ACL SETUSER", WHO, some(RULE, most=2)),
        command("ACL GETUSER", WHO, way=compare.words),
        command("ACL LIST", way=compare.words),
        command("ACL USERS"),
        command("ACL DRYRUN", WHO, TRIED),
        command("ACL DRYRUN", WHO, TRIED),
        rare=(
            command("ACL DELUSER", some(pool("ann", "bob", "nobody", "default"), most=2)),
            command("ACL WHOAMI"),
            command(
                "ACL CAT",
                maybe("nosuch"),
                way=compare.unordered,
            ),
            command("ACL GENPASS", maybe(pool(8, 64, 0, -1, 5000, "x")), way=compare.shape),
            command(
                "ACL",
                either("BAD", "SETUSER", "DRYRUN nobody get a", "LOAD", "SAVE", "LOG RESET", "LOG 0", "LOG x"),
            ),
            command("AUTH", either("wrong", "ann secret", "ann wrong", "default x", "a b c")),
            command(
                "HELLO",
                either("", "2", "3", "4", "x", "3 AUTH ann wrong", "2 SETNAME a", "2 SETNAME", "2 BAD"),
                way=compare.masked("version", "server", "id", "modules"),
            ),
        ),
    ),
    transactions=False,
)
