"""What holds for all tests."""

import gc
import os
import signal
import threading

# Before NumPy is imported. The workers of pytest-xdist have the cores already: threads
# of BLAS on top of them only wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure(config):
    # A shell makes what it runs in the background deaf to Ctrl-C, which tests send.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Imports and collected tests live to the end, so the garbage collector, which would
    # visit all of them many times, starts after them.
    gc.disable()


def pytest_collection_finish(session):
    gc.freeze()
    gc.enable()
