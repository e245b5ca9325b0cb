"""Interleaved repeats, medians and ratios with their spread."""

from time import perf_counter, process_time

import numpy as np

# On a machine shared with others, CPU time tells more than the clock on the wall; with
# one thread they are the same thing.
CLOCKS = {"wall": perf_counter, "cpu": process_time}


def interleaved(functions, repeats, clock="wall"):
    """Seconds of every call, A B C A B C ...: shape {name: (repeats,)}.

    Whatever else the machine does hits all alike, and a ratio is taken between
    neighbours. Each function is called once beforehand.

    Returns
    -------
    seconds : dict of str to ndarray
    results : dict of str to what the untimed call returned
    """
    now = CLOCKS[clock]
    results = {name: function() for name, function in functions.items()}
    seconds = {name: np.empty(repeats) for name in functions}
    for i in range(repeats):
        for name, function in functions.items():
            start = now()
            function()
            seconds[name][i] = now() - start
    return seconds, results


def ratio(seconds, baseline):
    """Median and quartiles of the ratios of neighbouring calls."""
    low, median, high = np.percentile(seconds / baseline, [25, 50, 75])
    return {"low": float(low), "median": float(median), "high": float(high)}


def show(r):
    """A ratio with its spread, '2.04 (1.98-2.11)'."""
    return f"{r['median']:.2f} ({r['low']:.2f}-{r['high']:.2f})"


def table(rows, header):
    """A table in Markdown."""
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)
