"""Memory of a fit, each measured in a process of its own (Linux)."""

import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.timing import table

MB = 1 << 20


def _anonymous():
    """Anonymous memory of this process in bytes: no pages of mapped files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) << 10
    raise OSError("this kernel does not report RssAnon")


class Peak:
    """The largest anonymous memory while the block runs, sampled every 2 ms."""

    def __enter__(self):
        self.bytes = _anonymous()
        self._running = True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while self._running:
            self.bytes = max(self.bytes, _anonymous())
            sleep(0.002)

    def __exit__(self, *exc_info):
        self._running = False
        self._thread.join()
        self.bytes = max(self.bytes, _anonymous())


def _model(hidden, **params):
    from skl2 import MLPClassifier

    return MLPClassifier(hidden, random_state=0, **params)


def _data(n_rows, n_features, dtype):
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.random((n_rows, n_features), dtype=np.float32)
    return X.astype(dtype, copy=False), rng.integers(10, size=n_rows)


def _report(own, peak, seconds, X_bytes=0):
    print(own, peak, X_bytes, seconds)


def _measure(task, quick):
    """Print: bytes before, at the peak, of X; seconds."""
    import numpy as np

    warnings.simplefilter("ignore")
    n_rows = 10_000 if quick else 60_000
    # What imports and the first fit leave behind is the interpreter's own.
    _model((5,), max_iter=1).fit(np.eye(20, dtype=np.float32), np.arange(20) % 2)
    own = _anonymous()
    # X is made after this and counted apart.
    if task == "memmap":
        _measure_memmap(own, quick)
        return
    name, dtype = task.split()
    X, y = _data(n_rows, 784, dtype)
    if name == "predict":
        model = _model((100,), max_iter=1).fit(X[:1000], y[:1000])
        own = _anonymous() - X.nbytes
    start = perf_counter()
    with Peak() as peak:
        if name == "fit":
            _model((100,), max_iter=2).fit(X, y)
        elif name == "early_stopping":
            _model((100,), max_iter=2, early_stopping=True).fit(X, y)
        elif name == "lbfgs":
            _model((100,), max_iter=2, solver="lbfgs").fit(X, y)
        else:
            model.predict_proba(X)
    _report(own, peak.bytes, perf_counter() - start, X.nbytes)


def _measure_memmap(own, quick):
    import numpy as np

    n_rows = (400 if quick else 4096) * MB // (784 * 4)
    with tempfile.TemporaryDirectory() as folder:
        # The file is mostly holes: it takes next to no space on the disk.
        X = np.memmap(Path(folder) / "X", np.float32, "w+", shape=(n_rows, 784))
        X[::1000] = 1.0
        y = np.arange(n_rows) % 2
        start = perf_counter()
        with Peak() as peak:
            _model((16,), max_iter=1, batch_size=1000).fit(X, y)
        seconds = perf_counter() - start
    _report(own, peak.bytes, seconds)


TASKS = {
    "fit float32": "fit, X in memory",
    "fit float64": "fit, X in memory",
    "early_stopping float32": "fit, early stopping",
    "lbfgs float32": "fit, lbfgs",
    "predict float32": "predict_proba",
    "memmap": "fit, X a np.memmap",
}


def run(quick):
    results = {}
    for task in TASKS:
        command = [sys.executable, "-m", "benchmarks.memory", task, str(int(quick))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        own, peak, X_bytes, seconds = map(float, done.stdout.split())
        results[task] = {
            "own_MB": own / MB,
            "X_MB": X_bytes / MB,
            "over_MB": (peak - own - X_bytes) / MB,
            "seconds": seconds,
        }
    return results


def report(results):
    rows = [
        [
            TASKS[task],
            (task.split() + ["float32"])[1],
            f"{r['X_MB']:.0f}" if r["X_MB"] else "0 (file)",
            f"{r['over_MB']:.0f}",
            f"{r['seconds']:.1f}",
        ]
        for task, r in results.items()
    ]
    header = ["what", "dtype", "X, MB", "over interpreter and X, MB", "seconds"]
    return table(rows, header)


if __name__ == "__main__":
    _measure(sys.argv[1], sys.argv[2] == "1")
