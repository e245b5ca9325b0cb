"""What holds for all tests."""

import signal
import threading


def pytest_configure(config):
    # A shell makes what it runs in the background deaf to Ctrl-C, which tests send.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
