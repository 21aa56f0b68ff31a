"""When the next scheduled backup is due, what it is called, and which old ones go. Pure.

Invariants:
1. Never two at once: while a backup of the schedule has not ended, none begins.
2. Missed times, say while the operator was away, are made up once: of all times since the last run only the latest counts.
3. A time gives one name, so a time is never run twice, whoever decides: the object of that name exists already.
4. Retention counts only Completed backups and never takes the newest of them; one that failed goes when a later one has completed.

Cron as in cron(8), by cronsim: five fields, names of days and months, and at changes of the clock Debian's rules (jobs at a fixed time run once; those with `*` follow the clock).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from scrubjay_operator.api.cachebackup import BackupPhase

LOOK_BACK = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Past:
    """A backup that the schedule made. `due` is the time it was made for."""

    name: str
    due: datetime
    phase: BackupPhase | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: the time for which a backup begins, the names of those that go, and when to look again."""

    begin: datetime | None
    remove: tuple[str, ...]
    next_due: datetime | None


def check(schedule: str, zone: str) -> str:
    """What is wrong with a schedule, in a sentence; nothing when it is right."""
    try:
        CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return f'"{schedule}" is no cron schedule: {error}'
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return f'there is no time zone "{zone}": write one like Europe/Berlin'
    return ""


def decide(
    schedule: str,
    zone: str,
    *,
    since: datetime,
    now: datetime,
    past: Iterable[Past],
    count: int | None = None,
    max_age: timedelta | None = None,
) -> Decision:
    """For a schedule that is in force since then. Raises ValueError for one that `check` refuses."""
    if wrong := check(schedule, zone):
        raise ValueError(wrong)
    known = sorted(past, key=lambda each: each.due)
    latest = latest_due(schedule, zone, after=max([since, *(each.due for each in known)]), until=now)
    running = any(each.phase is None or not each.phase.ended for each in known)
    return Decision(
        begin=latest if not running else None,
        remove=_superfluous(known, now, count, max_age),
        next_due=next_due(schedule, zone, now),
    )


def latest_due(schedule: str, zone: str, *, after: datetime, until: datetime) -> datetime | None:
    """The latest time of the schedule in (after, until]; None when there is none."""
    start = max(after, until - LOOK_BACK)
    local = until.astimezone(ZoneInfo(zone)) + timedelta(seconds=1)
    for due in CronSim(schedule, local, reverse=True):
        moment = due.astimezone(UTC)
        if moment > until:
            continue
        return moment if moment > start else None
    return None


def next_due(schedule: str, zone: str, now: datetime) -> datetime | None:
    """The first time of the schedule after now."""
    due = next(CronSim(schedule, now.astimezone(ZoneInfo(zone))), None)
    return due.astimezone(UTC) if due is not None else None


def name_of(cluster: str, due: datetime) -> str:
    """The name of the backup of that time, in UTC: `sessions-20260101-0300`."""
    return f"{cluster}-{due.astimezone(UTC):%Y%m%d-%H%M}"


def due_of(name: str, cluster: str) -> datetime | None:
    """The time that `name_of` put into a name."""
    try:
        return datetime.strptime(name.removeprefix(f"{cluster}-"), "%Y%m%d-%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def _superfluous(known: list[Past], now: datetime, count: int | None, max_age: timedelta | None) -> tuple[str, ...]:
    good = [each for each in known if each.phase is BackupPhase.COMPLETED]
    if not good:
        return ()
    newest = good[-1]
    kept = good[-count:] if count is not None else good
    gone = [each for each in good if each not in kept or (max_age is not None and now - each.due > max_age)]
    failed = [each for each in known if each.phase is BackupPhase.FAILED and each.due < newest.due]
    return tuple(sorted(each.name for each in [*gone, *failed] if each is not newest))
