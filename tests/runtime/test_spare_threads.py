"""How many threads are there for one of several that work at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from cnn_core.run.threads import Using, get_num_threads, set_num_threads, spare_threads

SCRIPT = """
import multiprocessing, sys
from cnn_core.run.threads import set_num_threads, spare_threads

def ask(_):
    return spare_threads()

if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    set_num_threads(int(sys.argv[1]))
    with multiprocessing.Pool(2) as pool:
        print(spare_threads(), *pool.map(ask, range(2)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_in_a_process_among_others_its_share_is_taken():
    def run(openmp: str | None) -> str:
        env = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS",
                                                               "CNN_CORE_NUM_THREADS")}  # fmt: skip
        env |= {} if openmp is None else {"OMP_NUM_THREADS": openmp}
        given = [sys.executable, "-W", "ignore", "-c", SCRIPT, "4"]
        done = subprocess.run(given, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert run(None) == "4 1 1"
    assert run("3") == "4 3 3"


@pytest.fixture(autouse=True)
def _default_threads():
    yield
    set_num_threads(None)


def in_thread(function) -> int:
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.filterwarnings("ignore:.* cores are slower than fewer")
def test_a_thread_beside_the_main_one_takes_one():
    set_num_threads(3)
    assert (spare_threads(), in_thread(spare_threads), in_thread(get_num_threads)) == (3, 1, 3)


@pytest.mark.filterwarnings("ignore:.* cores are slower than fewer")
def test_a_number_of_threads_for_what_is_called_within():
    before = get_num_threads()
    with Using(5):
        assert get_num_threads() == 5
        assert in_thread(get_num_threads) == before  # that of this thread alone
        with Using(2):
            assert get_num_threads() == 2
        set_num_threads(7 if before != 7 else 8)
        assert get_num_threads() == 5
    assert get_num_threads() == (7 if before != 7 else 8)
