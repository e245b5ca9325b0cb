"""Many rows: CPU time, memory and log-loss beside gradient boosting (Linux).

``python -m benchmarks.many_rows [--rows 1000000] [--quick]``. Each fit runs in a
process of its own.
"""

import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from benchmarks.memory import MB, Peak, _anonymous
from benchmarks.timing import table

DOCS = Path(__file__).parents[1] / "docs" / "_generated" / "many_rows.md"
WRITTEN_BY = "<!-- Written by `python -m benchmarks.many_rows --docs`. -->"
TEST_ROWS = 50_000
EPOCHS = 4
COLUMNS = 30


def generated(n_rows, n_columns, kind, seed):
    """Normal columns; the log-odds of y are smooth in them, or a sum of thresholds.

    Parameters
    ----------
    kind : {'smooth', 'thresholds'}
        The second has log-normal columns.
    seed : int
        Of the rows; what is learned is the same for all.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    y = np.empty(n_rows, dtype=np.int64)
    for start in range(0, n_rows, TEST_ROWS):
        rows = slice(start, start + TEST_ROWS)
        noise = rng.logistic(size=len(y[rows]), scale=0.5)
        y[rows] = TARGETS[kind](X[rows]) + noise > 0
    if kind == "thresholds":
        np.exp(X, out=X)
    return X, y


def _smooth(X):
    return (
        np.sin(2 * X[:, 0])
        + X[:, 1] * X[:, 2]
        + np.maximum(X[:, 3], 0)
        - 0.5 * np.abs(X[:, 4])
        + 0.5 * X[:, 5]
        + 0.3 * X[:, 6] * X[:, 7]
    )


def _thresholds(X):
    rng = np.random.default_rng(99)
    raw = np.zeros(len(X))
    for column in range(8):
        for place, height in zip(
            rng.uniform(-1.5, 1.5, 6), rng.normal(0, 0.8, 6), strict=True
        ):
            raw += height * (X[:, column] > place)
    return raw


TARGETS = {"smooth": _smooth, "thresholds": _thresholds}


def _boosting():
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=0)


def _searched(n_candidates=1):
    from skl2 import MLPClassifier
    from skl2.model_selection import AlphaSearchCV

    network = MLPClassifier(
        (100,),
        learning_rate="cosine",
        learning_rate_init=0.02,
        max_iter=EPOCHS,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    grid = {"hidden_layer_sizes": [(100 - k,) for k in range(n_candidates)]}
    return AlphaSearchCV(network, grid, random_state=0)


def _table():
    from skl2.model_selection import MLPClassifierCV

    return MLPClassifierCV(random_state=0)


METHODS = {
    "HistGradientBoosting": _boosting,
    "AlphaSearchCV": _searched,
    "MLPClassifierCV": _table,
}
# Each a fit of its own: what grows, the method and its settings; `part` is a tenth.
GROWTHS = {
    "rows": [
        {"method": method, "part": part} for method in METHODS for part in (0.1, 1.0)
    ],
    "columns": [
        {"method": method, "part": 0.1, "n_columns": n}
        for method in METHODS
        for n in (10, COLUMNS)
    ],
    "candidates": [
        {"method": "AlphaSearchCV", "part": 0.1, "n_candidates": n} for n in (1, 4)
    ],
}


def measure(method, n_rows, n_columns=COLUMNS, n_candidates=1, kind="smooth"):
    """CPU and wall seconds, MB beside X, and log-loss of one fit, in this process."""
    from sklearn.metrics import log_loss

    warnings.simplefilter("ignore")
    make = METHODS[method]
    X, y = generated(2000, n_columns, kind, seed=2)
    # What imports and the first fit leave behind is the interpreter's own.
    make().fit(X[:300], y[:300])
    own = _anonymous()
    X, y = generated(n_rows, n_columns, kind, seed=0)
    model = make(n_candidates) if method == "AlphaSearchCV" else make()
    cpu = process_time()
    wall = perf_counter()
    with Peak() as peak:
        model.fit(X, y)
    cpu = process_time() - cpu
    wall = perf_counter() - wall
    X_test, y_test = generated(TEST_ROWS, n_columns, kind, seed=1)
    return {
        "cpu": cpu,
        "wall": wall,
        "X_MB": X.nbytes / MB,
        "over_MB": (peak.bytes - own - X.nbytes) / MB,
        "log_loss": log_loss(y_test, model.predict_proba(X_test)),
    }


def _in_its_own_process(**settings):
    command = [sys.executable, "-m", "benchmarks.many_rows", "--fit"]
    command.append(json.dumps(settings))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def run(n_rows):
    """The figures of every fit, once where two growths share it."""
    fits: dict = {}
    for name, growth in GROWTHS.items():
        for settings in growth:
            _fit_once(fits, settings, n_rows, name)
    for method in METHODS:
        settings = {"method": method, "part": 0.1, "kind": "thresholds"}
        _fit_once(fits, settings, n_rows, "thresholds")
    return list(fits.values())


def _fit_once(fits, settings, n_rows, name):
    defaults = {"n_columns": COLUMNS, "n_candidates": 1, "kind": "smooth"}
    settings = defaults | settings
    settings["n_rows"] = int(settings.pop("part") * n_rows)
    key = json.dumps(settings, sort_keys=True)
    if key not in fits:
        fits[key] = settings | _in_its_own_process(**settings)
        print(name, fits[key], file=sys.stderr, flush=True)


def exponents(fits):
    """Growth of CPU time: log(time ratio) / log(ratio of what grows)."""
    found = []
    for method in METHODS:
        for name in ("n_rows", "n_columns", "n_candidates"):
            own = [f for f in fits if f["method"] == method and f["kind"] == "smooth"]
            others = {"n_rows", "n_columns", "n_candidates"} - {name}
            for small in own:
                for large in own:
                    alike = all(small[other] == large[other] for other in others)
                    if alike and small[name] < large[name]:
                        times = np.log(large["cpu"] / small["cpu"])
                        growth = times / np.log(large[name] / small[name])
                        grown = f"{name[2:]} {small[name]:,} to {large[name]:,}"
                        found.append([method, grown, f"{growth:.2f}"])
    return found


def report(fits):
    rows = [
        [
            f["method"],
            f"{f['n_rows']:,} × {f['n_columns']}",
            f["kind"],
            f["n_candidates"],
            f"{f['cpu']:.1f}",
            f"{f['X_MB']:.0f}",
            f"{f['over_MB']:.0f}",
            f"{f['log_loss']:.4f}",
        ]
        for f in fits
    ]
    header = ["method", "rows × columns", "y", "candidates", "CPU seconds", "X, MB"]
    header += ["over X, MB", "log-loss"]
    growths = table(exponents(fits), ["method", "what grows", "exponent of CPU time"])
    return table(rows, header) + "\n\n" + growths


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--quick", action="store_true", help="30,000 rows")
    parser.add_argument("--docs", action="store_true", help="write the docs' table")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print(json.dumps(measure(**json.loads(options.fit))))
        return
    fits = run(30_000 if options.quick else options.rows)
    text = report(fits)
    print(text)
    if options.docs:
        DOCS.write_text(f"{WRITTEN_BY}\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
