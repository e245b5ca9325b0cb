"""Run the benchmarks: ``python -m benchmarks.run [--quick] [--only fits ...]``.

With ``--docs`` each section is written to docs/_generated, which docs/benchmarks.md
includes.
"""

import argparse
import json
import os
import platform
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import scipy
import sklearn
import torch
from threadpoolctl import threadpool_info, threadpool_limits

import skl2
from benchmarks import (
    fits,
    growth,
    import_time,
    kernel,
    latency,
    memory,
    solvers,
    sparse_data,
)
from benchmarks.timing import CLOCKS

SECTIONS = {
    "kernel": "The BLAS kernel, and a step of a wide network",
    "fits": "Fits of a fixed number of epochs",
    "lbfgs": "L-BFGS",
    "predict": "predict_proba",
    "latency": "Prediction of one row",
    "growth": "How the time of an epoch grows",
    "sparse": "Sparse X",
    "memory": "Memory",
    "import": "Import",
}


GENERATED = Path(__file__).parents[1] / "docs/_generated"
NOTICE = "<!-- Written by `python -m benchmarks.run --docs`. Don't edit. -->"


def _cpu_name():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = {line.split(":", 1)[1].strip() for line in lines if "model name" in line}
    return ", ".join(sorted(names))


def machine():
    """What the figures depend on; no name of the machine."""
    blas = [i for i in threadpool_info() if i["user_api"] == "blas"]
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        "skl2": skl2.__version__,
        "blas": sorted(
            {
                f"{i['internal_api']} {i['version']}, kernel {i.get('architecture')}"
                for i in blas
            }
        ),
        "date": date.today().isoformat(),
    }


def run_section(name, options):
    """Figures, as JSON holds them, and their table."""
    quick, clock = options.quick, options.clock
    if name == "fits":
        figures = fits.run(quick, clock)
        return figures, fits.report(figures)
    if name == "lbfgs":
        figures = solvers.run_lbfgs(quick, clock)
        return figures, solvers.report_lbfgs(figures)
    if name == "predict":
        figures = solvers.run_predict(quick, clock)
        return figures, solvers.report_predict(figures)
    if name == "sparse":
        figures = sparse_data.run(quick, options.data)
        return figures, sparse_data.report(figures)
    module = {
        "kernel": kernel,
        "latency": latency,
        "growth": growth,
        "memory": memory,
        "import": import_time,
    }[name]
    figures = module.run(quick)
    return figures, module.report(figures)


def conditions(figures):
    """A sentence on where the figures come from, and a note on the kernel."""
    found = figures["machine"]
    libraries = ("numpy", "scipy", "scikit-learn", "torch", "skl2")
    versions = ", ".join(f"{name} {found[name]}" for name in libraries)
    remark = kernel.note(kernel.kernels_in_use(), kernel.cpu_flags())
    return (
        f"{found['date']}: {found['cpu']}, {found['cores']} cores, {found['system']}; "
        f"Python {found['python']}, {versions}; BLAS {', '.join(found['blas'])}; "
        f"{figures['threads']} thread(s) of BLAS and of torch, "
        f"{figures['clock']} time. {remark}".rstrip()
    )


def write(name, text, figures):
    """Write a section for the documentation."""
    GENERATED.mkdir(exist_ok=True)
    page = f"{NOTICE}\n\n{text}\n\nMeasured {conditions(figures)}\n"
    (GENERATED / f"{name}.md").write_text(page, encoding="utf-8")


def parse():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument("--quick", action="store_true", help="about a minute")
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION"
    )
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="'cpu' on a machine that is busy with other things (one thread only)",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="of BLAS and torch, default 1"
    )
    parser.add_argument(
        "--docs", action="store_true", help="write the tables of docs/benchmarks.md"
    )
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--data", type=Path, help="folder with a9a.train.svm.gz")
    options = parser.parse_args()
    if options.docs and options.quick:
        parser.error("--docs needs the full measurement, without --quick")
    if options.clock == "cpu" and options.threads > 1:
        parser.error("--clock cpu needs --threads 1")
    return options


def main():
    options = parse()
    figures = {
        "machine": machine(),
        "threads": options.threads,
        "clock": options.clock,
        "quick": options.quick,
    }
    for name, value in figures["machine"].items():
        print(f"{name}: {value}")
    print(f"threads: {options.threads}, clock: {options.clock}")
    if remark := kernel.note(kernel.kernels_in_use(), kernel.cpu_flags()):
        print(remark)
    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        for name in options.only:
            start = perf_counter()
            figures[name], text = run_section(name, options)
            seconds = perf_counter() - start
            print(f"\n{SECTIONS[name]} ({seconds:.0f} s)\n\n{text}", flush=True)
            if options.docs:
                write(name, text, figures)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
