"""Schedules and retention of backups: each invariant of plan/schedule.py."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.api.cachebackup import BackupPhase
from scrubjay_operator.plan.schedule import Decision, Past, check, decide, due_of, latest_due, name_of, next_due

NOW = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)
LONG_AGO = datetime(2026, 6, 1, tzinfo=UTC)
DAILY = "0 3 * * *"


def at(day: int, hour: int = 3, minute: int = 0, month: int = 6) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def past(day: int, phase: BackupPhase | None = BackupPhase.COMPLETED) -> Past:
    return Past(f"c-{day}", at(day), phase)


def run(*known: Past, since: datetime = LONG_AGO, now: datetime = NOW, **more: object) -> Decision:
    return decide(DAILY, "UTC", since=since, now=now, past=known, **more)  # type: ignore[arg-type]


def test_the_first_time_after_it_was_set_begins_and_no_earlier_one() -> None:
    assert run(since=at(15, 12)).begin is None
    assert run(since=at(15, 2)).begin == at(15)
    assert run(since=at(15, 12)).next_due == at(16)


def test_missed_times_are_made_up_once() -> None:
    assert run(past(10)).begin == at(15)
    assert run(past(10), past(15)).begin is None


def test_none_begins_while_one_runs() -> None:
    for phase in (None, BackupPhase.PENDING, BackupPhase.RUNNING):
        assert run(past(14, phase)).begin is None
    assert run(past(14, BackupPhase.FAILED)).begin == at(15)


def test_zones_and_changes_of_the_clock() -> None:
    assert next_due(DAILY, "Europe/Berlin", NOW) == at(16, 1)
    # on 29 March 2026 there is no 02:30 in Berlin: the job runs once all the same; on 25 October there are two: it runs once
    for day, month in ((29, 3), (25, 10)):
        times = []
        moment = datetime(2026, month, day - 1, 12, tzinfo=UTC)
        while (due := next_due("30 2 * * *", "Europe/Berlin", moment)) and due < datetime(
            2026, month, day, 12, tzinfo=UTC
        ):
            times.append(due)
            moment = due
        assert len(times) == 1, times


@given(minutes=st.integers(0, 60 * 24 * 400), zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo"]))
def test_the_latest_time_is_the_last_of_those_that_come_one_after_the_other(minutes: int, zone: str) -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    after = until - timedelta(days=3)
    steps, moment = [], after
    while (due := next_due("15 */7 * * *", zone, moment)) is not None and due <= until:
        steps.append(due)
        moment = due
    assert latest_due("15 */7 * * *", zone, after=after, until=until) == (steps[-1] if steps else None)


def test_retention_by_count_and_age_spares_the_newest() -> None:
    known = [past(day) for day in (11, 12, 13, 14, 15)]
    assert run(*known, count=2).remove == ("c-11", "c-12", "c-13")
    assert run(*known, max_age=timedelta(days=2)).remove == ("c-11", "c-12", "c-13")
    assert run(*known, max_age=timedelta(hours=1)).remove == ("c-11", "c-12", "c-13", "c-14")
    assert run(*known).remove == ()


def test_what_failed_goes_when_a_later_one_is_good_and_counts_for_nothing() -> None:
    failed = [past(13, BackupPhase.FAILED), past(15, BackupPhase.FAILED)]
    assert run(past(12), *failed, count=1).remove == ()
    assert run(past(12), failed[0], past(14), failed[1], count=2).remove == ("c-13",)


def test_names_tell_the_time() -> None:
    assert name_of("sessions", at(5)) == "sessions-20260605-0300"
    assert due_of("sessions-20260605-0300", "sessions") == at(5)
    assert due_of("sessions-monday", "sessions") is None


@pytest.mark.parametrize(("schedule", "zone", "word"), [("0 3 * *", "UTC", "cron"), ("61 * * * *", "UTC", "cron"), (DAILY, "Mars/Base", "time zone")])  # fmt: skip
def test_what_is_wrong_is_said(schedule: str, zone: str, word: str) -> None:
    assert word in check(schedule, zone)
    assert check(DAILY, "Europe/Berlin") == ""
