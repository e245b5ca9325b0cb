"""The tables of the documentation, from the cache of ``benchmarks.tables``.

    python -m benchmarks.tables --data DIR --cache FILE.json
    python -m benchmarks.report FILE.json

Writes docs/_generated/tables.md, which docs/benchmarks.md includes: for each of skl2's
searches the geometric mean of the ratios to the other methods, and the test loss of all
methods on every set.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.table_methods import METHODS
from benchmarks.tables import (
    Results,
    by_set,
    comparisons,
    geometric_mean,
    mean_and_error,
)
from benchmarks.timing import table

OUTPUT = Path(__file__).parents[1] / "docs/_generated/tables.md"
# With spaces at which no line breaks.
PLUS_MINUS = "\u00a0±\u00a0"
NOTICE = "<!-- Written by `python -m benchmarks.report`. Don't edit. -->"


def percent(ratio):
    """A ratio as what it changes: 0.8 is '-20 %'."""
    return f"{100 * (ratio - 1):+.0f} %"


def times(ratio):
    return f"{ratio:.2g}"


def ratio_table(results, own):
    """`own` against every other method, on the sets that both have."""
    rows = []
    for method in METHODS:
        found = comparisons(results, own, method) if method != own else {}
        if not found:
            continue
        outcomes = [c.outcome for c in found.values()]
        rows.append(
            [
                METHODS[method].title,
                percent(geometric_mean(c.loss for c in found.values())),
                " / ".join(str(outcomes.count(o)) for o in (-1, 0, 1)),
                times(geometric_mean(c.cpu for c in found.values())),
                len(found),
            ]
        )
    header = ["beside", "test loss", "wins / ties / losses", "CPU time ×", "sets"]
    return table(rows, header)


def set_table(results, own):
    """Mean test loss by set and method, on the splits that `own` has; best in bold."""
    sets = {name: m for name, m in by_set(results).items() if own in m}
    methods = [m for m in METHODS if any(m in found for found in sets.values())]
    rows = []
    for name, found in sets.items():
        losses = {}
        for method in methods:
            splits = found[own].keys() & found.get(method, {}).keys()
            if splits:
                runs = [found[method][s].loss for s in sorted(splits)]
                losses[method] = mean_and_error(runs)
        best = min(mean for mean, _ in losses.values())
        n_train = next(iter(found[own].values())).n_train
        cells = [loss_cell(losses.get(m), best) for m in methods]
        rows.append([name, n_train, *cells])
    titles = [METHODS[m].title.replace("*", "\\*") for m in methods]
    return table(rows, ["set", "rows", *titles])


def loss_cell(loss, best):
    """'0.123 ± 0.004'; '' where there is no result, in bold where it is the best."""
    if loss is None:
        return ""
    mean, error = loss
    text = f"{mean:.3f}" if np.isnan(error) else f"{mean:.3f}{PLUS_MINUS}{error:.3f}"
    return f"**{text}**" if mean == best else text


def report(results):
    """Markdown: a section for each of skl2's methods, and the losses by set."""
    present = {r.method for r in results}
    own = [m for m, method in METHODS.items() if method.ours and m in present]
    parts = [NOTICE]
    for method in own:
        # The title has a star.
        title = METHODS[method].title.replace("*", "\\*")
        parts += [f"**{title}**", ratio_table(results, method)]
    if own:
        parts += ["**Test loss by set**", set_table(results, own[0])]
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    args = parser.parse_args()
    if not args.cache.exists():
        parser.error(f"there is no file {args.cache}")
    args.output.parent.mkdir(exist_ok=True)
    args.output.write_text(report(Results(args.cache).values()), encoding="utf-8")
    print(f"written: {args.output}")


if __name__ == "__main__":
    main()
