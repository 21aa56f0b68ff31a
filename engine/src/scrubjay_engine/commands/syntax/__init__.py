"""The arguments of every command, for COMMAND DOCS: a line of syntax each, in the notation that `grammar` reads; one file a group.

Names, types and tokens are those of Redis 7.0's public command syntax, so that tools which complete command lines from COMMAND DOCS (redis-cli) work
the same here; tests/differential/test_command_docs.py compares every tree with redis-server's.
"""
