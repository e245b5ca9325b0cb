"""The BLAS kernel in use, what others would take, and what a step of a wide net takes.

OpenBLAS chooses its kernel by the CPU when it is loaded. A CPU that is newer than
OpenBLAS gets the kernel of an older one, without the instructions that only the new one
has. ``OPENBLAS_CORETYPE``, set before Python starts, chooses another kernel.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.libraries.bare_matmuls import prepare
from benchmarks.problems import PROBLEMS
from benchmarks.product import kernels_in_use
from benchmarks.timing import interleaved, ratio, show, table

# Names of OPENBLAS_CORETYPE, and the flag of the CPU without which they can't run.
KERNELS = {
    "HASWELL": "avx2",
    "ZEN": "avx2",
    "SKYLAKEX": "avx512f",
    "COOPERLAKE": "avx512_bf16",
}
WITHOUT_AVX512 = {"Haswell", "Zen", "Excavator", "Sandybridge", "Nehalem", "Prescott"}


def cpu_flags():
    """Instruction sets of the CPU, as Linux names them; none where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {f for line in lines if line.startswith("flags") for f in line.split()}


def note(kernels, flags):
    """A sentence where the CPU has instructions that no kernel in use has; or ''."""
    if "avx512f" not in flags or not set(kernels) <= WITHOUT_AVX512:
        return ""
    return (
        f"This CPU has AVX-512, the kernel in use ({', '.join(kernels)}) does not use "
        "it: OpenBLAS does not know the CPU. See whether OPENBLAS_CORETYPE=SKYLAKEX, "
        "set before Python starts, is faster."
    )


def _in_a_process(kernel):
    """Seconds of the product, and the kernel that OpenBLAS used."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if kernel is not None:
        environment["OPENBLAS_CORETYPE"] = kernel
    command = [sys.executable, "-m", "benchmarks.product"]
    run = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    seconds, *used = run.stdout.split()
    return float(seconds), ", ".join(used)


def _products(quick):
    """The product by every kernel that this CPU can run, in interleaved processes."""
    flags = cpu_flags()
    names = [None, *(name for name, flag in KERNELS.items() if flag in flags)]
    seconds, used = {name: [] for name in names}, {}
    for _ in range(2 if quick else 5):
        for name in names:
            own, used[name] = _in_a_process(name)
            seconds[name].append(own)
    chosen = np.array(seconds[None])
    return [
        {
            "kernel": name or "chosen by OpenBLAS",
            "used": used[name],
            "seconds": seconds[name],
            "ratio": ratio(np.array(seconds[name]), chosen),
        }
        for name in names
    ]


def _parts(quick):
    """A training step of the widest network in float32, and its parts."""
    # pytest is needed for the parts of a step alone.
    from benchmarks.test_inner_step import Step

    problem = PROBLEMS["wide"](np.float32, 0.0)
    step = Step(problem)
    products = prepare(problem)
    scratch = np.abs(step.theta)
    n_batches = problem.n_batches * problem.n_epochs
    seconds, _ = interleaved(
        {
            "step": step.whole,
            "products": products,
            "Adam": step.update,
            "square roots": lambda: np.sqrt(scratch, out=scratch),
        },
        5 if quick else 25,
        "cpu",
    )
    seconds["products"] = seconds["products"] / n_batches
    return [
        {
            "part": name,
            "seconds": own.tolist(),
            "ratio": ratio(own, seconds["step"]),
        }
        for name, own in seconds.items()
    ]


def run(quick):
    kernels = kernels_in_use()
    return {
        "kernels": kernels,
        "note": note(kernels, cpu_flags()),
        "products": _products(quick),
        "parts": _parts(quick),
    }


def report(figures):
    products = table(
        [
            [
                row["kernel"],
                row["used"],
                f"{1e3 * np.median(row['seconds']):.2f}",
                show(row["ratio"]),
            ]
            for row in figures["products"]
        ],
        ["kernel", "in use", "ms", "beside the one chosen"],
    )
    parts = table(
        [
            [row["part"], f"{1e3 * np.median(row['seconds']):.2f}", show(row["ratio"])]
            for row in figures["parts"]
        ],
        ["784-512-512-10, float32", "ms", "share of a step"],
    )
    return "\n\n".join(filter(None, [figures["note"], products, parts]))
