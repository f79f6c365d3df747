"""Pace: the length of calls, and the number of threads, follow from measured times."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cnn_core.run.pace import CHUNK_SECONDS, PROBE_EVERY, Pace


def simulate(pace: Pace, seconds, calls: int) -> list[tuple[int, int, float]]:
    """Let ``seconds(call, n_threads)`` be the time of a step; return steps, threads, time."""
    made = []
    for call in range(calls):
        steps, n_threads = pace.next()
        spent = steps * seconds(call, n_threads)
        pace.record(steps, n_threads, spent)
        made.append((steps, n_threads, spent))
    return made


def test_first_call_makes_one_step():
    assert Pace(1).next() == (1, 1)
    assert Pace(4).next()[0] == 1


@pytest.mark.parametrize("seconds", [1e-6, 1e-4, 3e-3])
def test_calls_grow_until_they_take_the_time_aimed_at(seconds):
    made = simulate(Pace(1), lambda call, n: seconds, 12)
    assert all(b[0] <= 4 * a[0] for a, b in pairwise(made))
    assert made[-1][2] == pytest.approx(CHUNK_SECONDS, rel=0.05, abs=seconds)
    assert max(spent for _, _, spent in made) <= 1.1 * CHUNK_SECONDS + seconds


def test_a_step_longer_than_the_aim_is_made_alone():
    assert [m[0] for m in simulate(Pace(1), lambda call, n: 0.2, 5)] == [1] * 5


def test_one_slow_first_step_does_not_shorten_calls_for_long():
    made = simulate(Pace(1), lambda call, n: 0.05 if call == 0 else 1e-5, 24)
    assert made[-1][2] == pytest.approx(CHUNK_SECONDS, rel=0.1)


@pytest.mark.parametrize("n_threads", [2, 4])
@pytest.mark.parametrize("better", [1, "n"])
def test_the_faster_number_of_threads_is_taken(n_threads, better):
    fast = n_threads if better == "n" else 1
    made = simulate(Pace(n_threads), lambda call, n: 1e-4 if n == fast else 2e-4, 200)
    assert {n for _, n, _ in made} == {1, n_threads}
    slow = sum(spent for _, n, spent in made if n != fast)
    assert slow < 0.02 * sum(spent for _, _, spent in made)


def test_probes_of_long_steps_are_rare():
    made = simulate(Pace(2), lambda call, n: 0.1 if n == 2 else 0.2, 200)
    assert sum(spent for _, n, spent in made if n == 1) < 0.08 * sum(s for _, _, s in made)


@pytest.mark.parametrize("seconds", [1e-5, 1e-3, 1e-2])
def test_a_choice_by_spoilt_times_is_soon_put_right(seconds):
    """While it is measured first, something else keeps one of the cores."""

    def slowed(call: int, n: int) -> float:
        return seconds * (1 if n == 1 else 3 if call < 8 else 0.5)

    made = simulate(Pace(2), slowed, 40)
    assert any(n == 1 for _, n, _ in made[6:9])
    later = made[14:]
    assert sum(spent for _, n, spent in later if n == 2) > 0.9 * sum(spent for _, _, spent in later)


def test_a_change_of_the_machine_is_noticed():
    """Two threads are faster until another process takes a core; later it goes away again."""

    def seconds(call: int, n: int) -> float:
        busy = 300 <= call < 900
        return 1e-4 if n == 1 else (5e-4 if busy else 6e-5)

    made = simulate(Pace(2), seconds, 1400)

    def share_of_two(first: int, last: int) -> float:
        return sum(n == 2 for _, n, _ in made[first:last]) / (last - first)

    assert share_of_two(100, 300) > 0.9
    assert share_of_two(400, 900) < 0.1
    assert share_of_two(900 + 4 * PROBE_EVERY, 1400) > 0.9


def test_times_of_zero_do_no_harm():
    made = simulate(Pace(2), lambda call, n: 0.0, 30)
    assert all(steps >= 1 for steps, _, _ in made)
