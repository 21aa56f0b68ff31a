"""Taking, checking, fetching and removing backups: the program that runs in the Jobs of CacheBackups, and by hand.

`python -m scrubjay_operator.backup --help`. It knows storage, the RDB stream of a node and the files of a backup; it knows nothing of Kubernetes, which is
act/'s and plan/'s part. The formats are docs/architecture/backups.md.
"""
