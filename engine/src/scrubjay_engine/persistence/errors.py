"""What goes wrong with data from outside: a dump file, a payload, an append-only file. Raised by the codecs here, worded for the log."""


class CorruptData(ValueError):
    """The bytes are not what they claim to be; the message says where and what."""


class UnsupportedData(ValueError):
    """The bytes are well formed, but hold something that this engine does not have (a module's value, a newer version)."""
