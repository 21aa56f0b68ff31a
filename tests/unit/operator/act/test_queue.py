"""The queue of clusters: coalescing, one run at a time, back-off. The loop's clock is moved by hand."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from scrubjay_operator.act.queue import AGAIN_S, LIMIT_S, WorkQueue, backoff


class HandLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0.0

    def time(self) -> float:
        return self.moved


def run(test: Callable[[HandLoop], Any]) -> None:
    loop = HandLoop()
    try:
        loop.run_until_complete(test(loop))
    finally:
        loop.close()


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_many_wakes_are_one_run() -> None:
    async def scenario(loop: HandLoop) -> None:
        queue: WorkQueue[str] = WorkQueue()
        for _ in range(5):
            queue.wake("a")
        assert await queue.take() == "a"
        assert len(queue) == 0

    run(scenario)


def test_a_wake_during_a_run_makes_one_more_run_after_it() -> None:
    async def scenario(loop: HandLoop) -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.wake("a")
        await queue.take()
        queue.wake("a")
        queue.wake("a")
        assert len(queue) == 0, "never two runs of one key at a time"
        queue.done("a", None)
        assert await queue.take() == "a"
        queue.done("a", None)
        assert len(queue) == 0

    run(scenario)


def test_it_comes_back_after_its_time_and_not_before() -> None:
    async def scenario(loop: HandLoop) -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.wake("a")
        await queue.take()
        queue.done("a", 10)
        loop.moved = 9.9
        await settle()
        assert len(queue) == 0
        loop.moved = 10.1
        await settle()
        assert len(queue) == 1

    run(scenario)


def test_the_earlier_of_two_times_counts() -> None:
    async def scenario(loop: HandLoop) -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.wake_in("a", 100)
        queue.wake_in("a", 5)
        queue.wake_in("a", 50)
        loop.moved = 6
        await settle()
        assert await queue.take() == "a"
        queue.done("a", None)
        loop.moved = 200
        await settle()
        assert len(queue) == 0

    run(scenario)


def test_failures_come_back_later_and_later_until_one_succeeds() -> None:
    async def scenario(loop: HandLoop) -> None:
        queue: WorkQueue[str] = WorkQueue()
        delays = []
        for _ in range(12):
            queue.wake("a")
            await queue.take()
            delays.append(queue.failed("a"))
        assert delays[:4] == [0.25, 0.5, 1.0, 2.0]
        assert delays[-1] == LIMIT_S
        queue.wake("a")
        await queue.take()
        queue.done("a", None)
        assert queue.failures("a") == 0

    run(scenario)


def test_news_during_a_failing_run_shortens_the_wait_but_cannot_spin() -> None:
    async def scenario(loop: HandLoop) -> None:
        queue: WorkQueue[str] = WorkQueue()
        for _ in range(8):
            queue.wake("a")
            await queue.take()
            queue.wake("a")
            assert queue.failed("a") <= AGAIN_S
            assert len(queue) == 0

    run(scenario)


@pytest.mark.parametrize("failures", [1, 10, 1000, 10**6])
def test_the_back_off_is_bounded(failures: int) -> None:
    assert 0 < backoff(failures) <= LIMIT_S
