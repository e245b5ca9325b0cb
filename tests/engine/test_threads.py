"""The limit on BLAS threads, kept while anyone needs it; the workers of a search."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest
from helpers import blas_threads, in_a_thread
from threadpoolctl import threadpool_limits

from skl2._engine.threads import (
    THREADED_PRODUCT,
    TINY_PRODUCT,
    blas_threads_for,
    raise_if_abandoned,
    single_threaded_blas,
    workers,
)


@pytest.fixture
def two_threads():
    limits = []
    in_a_thread(lambda: limits.append(threadpool_limits(2, user_api="blas")))
    yield
    in_a_thread(limits[0].restore_original_limits)


def test_this_blas_can_be_limited(two_threads):
    assert blas_threads() == {2}


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_overlapping_trainings_restore_the_limit(two_threads, first_to_leave):
    leave = [threading.Event(), threading.Event()]
    inside = [threading.Event(), threading.Event()]
    left = [threading.Event(), threading.Event()]
    seen = []

    def train(k):
        with single_threaded_blas:
            seen.append(blas_threads())
            inside[k].set()
            leave[k].wait(10)
        left[k].set()
        end.wait(10)

    end = threading.Event()
    threads = [threading.Thread(target=train, args=[k]) for k in range(2)]
    try:
        for k in range(2):
            threads[k].start()
            assert inside[k].wait(10)
        leave[first_to_leave].set()
        assert left[first_to_leave].wait(10)
        # The other one still trains.
        seen.append(blas_threads())
        leave[1 - first_to_leave].set()
        assert left[1 - first_to_leave].wait(10)
        # Both are done, and their threads go on with something else.
        seen.append(blas_threads())
    finally:
        for event in (*leave, end):
            event.set()
        for thread in threads:
            thread.join(10)
    assert seen == [{1}, {1}, {1}, {2}]


def test_a_training_in_the_main_thread_leaves_the_limit_to_others(two_threads):
    # A thread pool that lives on, as joblib's and the main thread do.
    seen = []

    def train():
        with single_threaded_blas:
            seen.append(blas_threads())
        seen.append(blas_threads())

    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            train()
            pool.submit(train).result()
    assert seen == [{1}, {2}] * 4


def test_nested_and_repeated(two_threads):
    for _ in range(2):
        with single_threaded_blas:
            with single_threaded_blas:
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_an_exception_restores_the_limit(two_threads):
    with pytest.raises(KeyboardInterrupt), single_threaded_blas:
        raise KeyboardInterrupt
    assert blas_threads() == {2}


@pytest.mark.parametrize("n_rows, largest", [(16, (8, 30)), (1, (30, 8))])
@pytest.mark.parametrize("large", [False, True])
def test_only_large_products_keep_the_threads(two_threads, large, n_rows, largest):
    n_in, n_out = largest
    n_in *= THREADED_PRODUCT // (n_in * n_out * n_rows) + large
    with blas_threads_for((2, n_in, n_out, 1), n_rows):
        assert blas_threads() == ({2} if large else {1})
    assert blas_threads() == {2}


def test_tiny_products_are_not_worth_a_limit(two_threads):
    with blas_threads_for((2, TINY_PRODUCT // 8 - 1, 1), 4):
        assert blas_threads() == {2}
    with blas_threads_for((2, TINY_PRODUCT // 8, 1), 4):
        assert blas_threads() == {1}


# ------------------------------------------------------------------------- workers


def where(k):
    """The task's number, process and thread."""
    return k, os.getpid(), threading.get_ident()


HERE, THREADS, PROCESSES = "here", "threads", "processes"
CONFIGURATIONS = {
    "default": (None, None, HERE),
    "n_jobs=1": (1, None, HERE),
    "n_jobs=2": (2, None, THREADS),
    "n_jobs=-1": (-1, None, THREADS if joblib.cpu_count() > 1 else HERE),
    "configured": (None, {"n_jobs": 2}, THREADS),
    "own before configured": (1, {"n_jobs": 2}, HERE),
    "threading": (2, {"backend": "threading"}, THREADS),
    "sequential": (2, {"backend": "sequential"}, HERE),
    "loky": (2, {"backend": "loky"}, PROCESSES),
}


@pytest.mark.parametrize(
    "n_jobs, config, place", CONFIGURATIONS.values(), ids=CONFIGURATIONS
)
def test_where_tasks_run(n_jobs, config, place):
    tasks = [joblib.delayed(where)(k) for k in range(5)]
    with joblib.parallel_config(**(config or {})), workers(n_jobs) as run:
        for _ in range(2):
            numbers, processes, threads = zip(*run(tasks), strict=True)
            assert numbers == (0, 1, 2, 3, 4)
            assert (os.getpid() in processes) == (place != PROCESSES)
            if place != PROCESSES:
                here = threading.get_ident() in threads
                assert here == (place == HERE)


def test_two_threads_work_at_a_time():
    together = threading.Barrier(2, timeout=60)
    with workers(2) as run:
        assert sorted(run([joblib.delayed(together.wait)()] * 6)) == [0] * 3 + [1] * 3


def test_the_first_error_ends_the_work():
    begun = []

    def task(k):
        begun.append(k)
        if k == 1:
            raise ValueError("task 1")
        # The others run until nobody waits for them any more.
        while k > 1:
            raise_if_abandoned()

    with pytest.raises(ValueError, match="task 1"), workers(2) as run:
        run([joblib.delayed(task)(k) for k in range(50)])
    # Two at a time: the rest never began.
    assert len(begun) <= 4


def test_who_is_left_ends():
    begun, ended = threading.Event(), threading.Event()

    def endless():
        begun.set()
        try:
            while True:
                raise_if_abandoned()
        except KeyboardInterrupt:
            ended.set()
            raise

    def press_ctrl_c():
        assert begun.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), workers(2) as run:
        run([joblib.delayed(press_ctrl_c)(), joblib.delayed(endless)()])
    assert ended.wait(60)
    # In this thread nobody has left anything.
    raise_if_abandoned()


@pytest.mark.parametrize("interrupts", [True, False])
def test_ctrl_c_ends_the_wait(interrupts):
    """With the handler of Python, and with those that restart what they interrupt."""
    begun, enough = threading.Event(), threading.Event()

    def endless():
        begun.set()
        while not enough.is_set():
            raise_if_abandoned()

    def press_ctrl_c():
        if begun.wait(60):
            time.sleep(0.2)  # now the main thread waits
            os.kill(os.getpid(), signal.SIGINT)
            enough.wait(20)
            enough.set()

    user = threading.Thread(target=press_ctrl_c)
    signal.siginterrupt(signal.SIGINT, interrupts)
    try:
        user.start()
        with pytest.raises(KeyboardInterrupt), workers(2) as run:
            run([joblib.delayed(endless)()] * 2)
        assert not enough.is_set()
    finally:
        enough.set()
        user.join()
        signal.siginterrupt(signal.SIGINT, True)


def forked(work):
    """Exit status of a child process that calls `work`; None if it hangs."""
    child = os.fork()
    if child == 0:
        # Nothing of pytest may run in the child.
        os._exit(0 if work() else 1)
    for _ in range(1000):
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_limits_blas(two_threads):
    done = threading.Event()

    def train():
        while not done.is_set():
            with single_threaded_blas:
                pass

    def limit_in_child():
        free = blas_threads()
        with single_threaded_blas:
            limited = blas_threads()
        return free == {2} and limited == {1} and blas_threads() == {2}

    thread = threading.Thread(target=train)
    thread.start()
    try:
        assert [forked(limit_in_child) for _ in range(12)] == [0] * 12
    finally:
        done.set()
        thread.join()
    assert blas_threads() == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_within_the_limit_keeps_it(two_threads):
    def still_limited():
        limited = blas_threads() == {1}
        single_threaded_blas.__exit__()
        return limited and blas_threads() == {2}

    with single_threaded_blas:
        assert forked(still_limited) == 0
        assert blas_threads() == {1}
    assert blas_threads() == {2}
