"""What holds for all tests."""

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
