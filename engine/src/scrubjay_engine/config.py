"""Configuration: from redis.conf files and command lines to typed values, CONFIG GET and CONFIG SET.

`Config` holds the values and tells listeners of changes; what an option does is up to whoever listens (server.py and the families). Error texts
are Redis' (config.c of 7.0), since tools match on them.
"""

from __future__ import annotations

import contextlib
import fnmatch
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.core.inline import split_inline
from scrubjay_engine.options import ALIASES, DIRECTIVES, OPTIONS, Option

Value = bool | int | float | str
Listener = Callable[[Value], None]
# Names within `dir`: a path would let a client write anywhere.
FILE_NAMES = {"dbfilename": "filename", "appendfilename": "filename", "appenddirname": "dirname"}
UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}


class ConfigError(ValueError):
    """A configuration that can't be used: which option, why, and what would do."""


def parse_memory(text: str) -> int:
    """`100mb` in bytes. Raises ValueError."""
    digits = text.rstrip("bBkKmMgG")
    unit = text[len(digits) :].lower()
    if unit not in UNITS or not digits.lstrip("-").isdigit():
        raise ValueError("argument must be a memory value")
    return int(digits) * UNITS[unit]


def parse_value(option: Option, text: str) -> Value:
    """The typed value. Raises ValueError with Redis' words for what is wrong."""
    match option.kind:
        case "bool":
            if text.lower() not in ("yes", "no"):
                raise ValueError("argument must be 'yes' or 'no'")
            return text.lower() == "yes"
        case "enum":
            if text.lower() not in option.choices:
                raise ValueError("argument(s) must be one of the following: " + ", ".join(option.choices))
            return text.lower()
        case "octal":
            try:
                return int(text, 8)
            except ValueError:
                raise ValueError("argument couldn't be parsed as octal number") from None
        case "int" | "memory" | "percent_or_memory":
            return _parse_number(option, text)
        case "float":
            return float(text)
    if option.name in FILE_NAMES and ("/" in text or "\\" in text or text in (".", "..")):
        raise ValueError(f"{option.name} can't be a path, just a {FILE_NAMES[option.name]}")
    return text


def _parse_number(option: Option, text: str) -> int:
    if option.kind == "percent_or_memory" and text.endswith("%"):
        if not text[:-1].isdigit() or not 1 <= int(text[:-1]) <= 100:
            raise ValueError("percentage argument must be less or equal to 100")
        return -int(text[:-1])
    if option.kind == "int":
        try:
            value = int(text)
        except ValueError:
            raise ValueError("argument couldn't be parsed into an integer") from None
    else:
        value = parse_memory(text)
    low = option.low if option.low is not None and option.kind != "percent_or_memory" else 0
    if not low <= value <= (option.high if option.high is not None else 2**63 - 1):
        if option.kind == "memory" and low == 0:
            raise ValueError("argument must be a memory value")
        raise ValueError(f"argument must be between {low} and {option.high} inclusive")
    return value


def show_value(option: Option, value: Value) -> str:
    """As CONFIG GET and a written configuration file show it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if option.name == "dir":
        return str(Path(str(value)).absolute())
    if option.kind == "octal":
        return f"{value:o}"
    if option.kind == "percent_or_memory" and isinstance(value, int) and value < 0:
        return f"{-value}%"
    return str(value)


class Config:
    """The options' values by their present names; old names are found as aliases."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {name: parse_value(option, option.default) for name, option in OPTIONS.items()}
        self.directives: list[list[str]] = []
        self.file: Path | None = None
        self.given: set[str] = set()
        self._listeners: dict[str, list[Listener]] = {}
        self._checks: dict[str, list[Listener]] = {}
        self._after: list[tuple[frozenset[str], Callable[[], None]]] = []

    # -- reading -------------------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    def flag(self, name: str) -> bool:
        """A yes/no option."""
        return bool(self.values[name])

    def number(self, name: str) -> int:
        """A whole number or a size in bytes."""
        return int(self.values[name])

    def text(self, name: str) -> str:
        """An enum, text or words option."""
        return str(self.values[name])

    def words(self, name: str) -> list[str]:
        """The words of a `words` option."""
        return shlex.split(self.text(name))

    def shown(self, name: str) -> str:
        """An option's value as text, whatever its name of the two, secrets too. Raises KeyError."""
        option = OPTIONS[ALIASES.get(name, name)]
        return show_value(option, self.values[option.name])

    def matching(self, patterns: Iterable[str]) -> dict[str, str]:
        """CONFIG GET: name -> text for glob patterns, old names among them where they match."""
        found: dict[str, str] = {}
        for pattern in patterns:
            for name in [*OPTIONS, *ALIASES]:
                if fnmatch.fnmatchcase(name, pattern.lower()):
                    option = OPTIONS[ALIASES.get(name, name)]
                    if option.hidden and pattern.lower() != name:
                        continue
                    # A managed node's secrets are in a Secret, for those who may read that.
                    secret = option.secret and self.flag("managed")
                    # A name without wildcards is answered as it was asked for, in whatever case.
                    shown = pattern if pattern.lower() == name else name
                    found[shown] = "" if secret else show_value(option, self.values[option.name])
        return found

    # -- changing ------------------------------------------------------------------------------------------------------

    def on_change(self, name: str, listener: Listener, now: bool = True) -> None:
        """Calls `listener` with the value at each change, and at once unless `now` is False. It may raise ValueError to refuse."""
        if name not in OPTIONS:
            raise KeyError(f"no option is called {name}")
        self._listeners.setdefault(name, []).append(listener)
        if now:
            listener(self.values[name])

    def on_check(self, name: str, check: Listener) -> None:
        """Calls `check` before a value is taken; it refuses by ValueError."""
        self._checks.setdefault(name, []).append(check)

    def after_change(self, names: Iterable[str], hook: Callable[[], None]) -> None:
        """Calls `hook` once after a CONFIG SET that had any of these options, also with the values they had. It may raise ValueError to refuse."""
        self._after.append((frozenset(names), hook))

    def set_at_start(self, name: str, text: str) -> None:
        """From a file or the command line. Raises ConfigError naming the option."""
        option = OPTIONS.get(ALIASES.get(name.lower(), name.lower()))
        if option is None:
            raise ConfigError(f"unknown option '{name}'{self._suggestion(name)}")
        try:
            value = parse_value(option, text)
        except ValueError as error:
            raise ConfigError(f"option '{name}' can't be '{text}': {error}") from None
        if option.name == "client-output-buffer-limit" or (option.name == "save" and "save" in self.given and text):
            value = self._merged(option.name, text)
        self.values[option.name] = value
        self.given.add(option.name)

    def _merged(self, name: str, text: str) -> str:
        """`save` lines add up; `client-output-buffer-limit` replaces the limits of the classes it names."""
        if name == "save":
            return f"{self.values['save']} {text}".strip()
        return merge_output_limits(self.text(name), text)

    @staticmethod
    def _suggestion(name: str) -> str:
        import difflib

        close = difflib.get_close_matches(name.lower(), [*OPTIONS, *ALIASES], n=1)
        return f"; did you mean '{close[0]}'?" if close else ""

    def set_live(self, pairs: list[tuple[str, str]], allow_protected: bool = False) -> None:
        """CONFIG SET: all or nothing. Raises CommandError in Redis' words."""
        planned: dict[str, tuple[str, Value]] = {}
        for given, text in pairs:
            option = OPTIONS.get(ALIASES.get(given.lower(), given.lower()))
            if option is None:
                raise CommandError(f"ERR Unknown option or number of arguments for CONFIG SET - '{given}'")
            if option.name in planned:
                raise self._failed(given, "duplicate parameter")
            if not option.live and text != show_value(option, self.values[option.name]):
                raise self._failed(given, "can't set immutable config")
            if option.protected and not allow_protected:
                raise self._failed(given, "can't set protected config")
            try:
                value = parse_value(option, text)
                if option.name == "client-output-buffer-limit":
                    value = merge_output_limits(self.text(option.name), text)
                for check in self._checks.get(option.name, ()):
                    check(value)
            except ValueError as error:
                raise self._failed(given, str(error)) from None
            planned[option.name] = (given, value)
        self._apply(planned)

    def _apply(self, planned: dict[str, tuple[str, Value]]) -> None:
        before = {name: self.values[name] for name in planned}
        try:
            for name, (given, value) in planned.items():
                if value == before[name]:
                    continue
                self.values[name] = value
                try:
                    for listener in self._listeners.get(name, ()):
                        listener(value)
                except ValueError as error:
                    raise self._failed(given, str(error)) from None
            self._after_changes(planned)
        except CommandError:
            for name, value in before.items():
                changed, self.values[name] = self.values[name] != value, value
                for listener in self._listeners.get(name, ()) if changed else ():
                    # The one that refused may refuse again: what it had is still in place.
                    with contextlib.suppress(ValueError):
                        listener(value)
            with contextlib.suppress(CommandError):  # what was there before need not work either
                self._after_changes(planned)
            raise
        self.given.update(planned)

    def reapply(self, names: Iterable[str]) -> None:
        """As a CONFIG SET of the values that these options have, for the hooks of `after_change` only: their files were replaced. Raises CommandError."""
        self._after_changes({name: (name, self.values[name]) for name in names})

    def _after_changes(self, planned: dict[str, tuple[str, Value]]) -> None:
        for names, hook in self._after:
            concerned = [given for name, (given, _) in planned.items() if name in names]
            if concerned:
                try:
                    hook()
                except ValueError as error:
                    raise self._failed(concerned[0], str(error)) from None

    @staticmethod
    def _failed(name: str, why: str) -> CommandError:
        return CommandError(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {why}")

    # -- files ---------------------------------------------------------------------------------------------------------

    def load(self, arguments: list[str]) -> None:
        """The command line: `[FILE] [--name value ...]`; `-` as FILE reads standard input. Raises ConfigError."""
        rest = list(arguments)
        if rest and not rest[0].startswith("--"):
            self.file = Path(rest.pop(0)).absolute()
            self.load_file(self.file)
        while rest:
            name = rest.pop(0)
            if not name.startswith("--"):
                raise ConfigError(f"expected --NAME, got '{name}'")
            values = []
            while rest and not rest[0].startswith("--"):
                values.append(rest.pop(0))
            self._directive([name[2:], *values], "the command line")

    def load_file(self, path: Path) -> None:
        """A configuration file in redis.conf's format."""
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise ConfigError(f"can't read the configuration file {path}: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            words = split_inline(line.encode())
            if words is None:
                raise ConfigError(f"{path}, line {number}: unbalanced quotes: {line}")
            self._directive([word.decode() for word in words], f"{path}, line {number}")

    def _directive(self, words: list[str], where: str) -> None:
        name = words[0].lower()
        if name == "include":
            for path in words[1:]:
                self.load_file(Path(path))
        elif name in DIRECTIVES:
            self.directives.append([name, *words[1:]])
        else:
            option = OPTIONS.get(ALIASES.get(name, name))
            if len(words) < 2 and (option is None or option.kind not in ("text", "words")):
                raise ConfigError(f"{where}: option '{words[0]}' has no value")
            try:
                self.set_at_start(name, " ".join(words[1:]))
            except ConfigError as error:
                raise ConfigError(f"{where}: {error}") from None


def merge_output_limits(present: str, given: str) -> str:
    """`client-output-buffer-limit`: class hard soft seconds, for the classes given. Raises ValueError."""
    words, limits = given.split(), present.split()
    if len(words) % 4:
        raise ValueError("Wrong number of arguments in buffer limit configuration.")
    for at in range(0, len(words), 4):
        kind = {"replica": "slave"}.get(words[at].lower(), words[at].lower())
        if kind not in ("normal", "slave", "pubsub"):
            raise ValueError("Invalid client class specified in buffer limit configuration.")
        try:
            numbers = [str(parse_memory(words[at + 1])), str(parse_memory(words[at + 2])), str(int(words[at + 3]))]
        except ValueError:
            raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.") from None
        if any(number.startswith("-") for number in numbers):
            raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
        where = limits.index(kind)
        limits[where + 1 : where + 4] = numbers
    return " ".join(limits)
