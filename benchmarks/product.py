"""Print the time of a matrix product and the BLAS kernels of this process.

A process of its own chooses its kernel: ``OPENBLAS_CORETYPE=ZEN python -m
benchmarks.product``.
"""

from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_info

# Rows, inner length and columns.
SHAPE = (512, 512, 200)


def kernels_in_use():
    """Kernels of all BLAS libraries of this process, by threadpoolctl."""
    blas = [i for i in threadpool_info() if i["user_api"] == "blas"]
    return sorted({str(i.get("architecture")) for i in blas})


def seconds(n_times=200):
    """Of the product in float32, the best of `n_times`."""
    rng = np.random.default_rng(0)
    n, k, m = SHAPE
    a = rng.random((n, k), dtype=np.float32)
    b = rng.random((k, m), dtype=np.float32)
    out = a @ b
    times = []
    for _ in range(n_times):
        start = perf_counter()
        np.matmul(a, b, out=out)
        times.append(perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    print(seconds(), *kernels_in_use())
