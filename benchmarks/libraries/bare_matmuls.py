"""A lower bound: the matrix products of the training and nothing else.

Per batch and layer the forward product, that of the weight gradient and, except in the
first layer, that of the input gradient, into arrays made beforehand; no shuffling, no
bias, activation, loss or optimizer. Of the two ways to lay a batch out (a row or a
column of the arrays per row of X) the faster one is taken, layer by layer.
"""

from time import perf_counter

import numpy as np


def _by_rows(n_in, n_out, n_rows, dtype, first):
    x, d = np.ones((n_rows, n_in), dtype), np.ones((n_rows, n_out), dtype)
    W, grad = np.ones((n_in, n_out), dtype), np.empty((n_in, n_out), dtype)
    d_in = np.empty_like(x)
    out = np.empty_like(d)
    products = [(x, W, out), (x.T, d, grad)]
    return products if first else [*products, (d, W.T, d_in)]


def _by_columns(n_in, n_out, n_rows, dtype, first):
    d = np.ones((n_out, n_rows), dtype)
    # The first layer reads rows of X as they are.
    x = np.ones((n_rows, n_in), dtype).T if first else np.ones((n_in, n_rows), dtype)
    W, grad = np.ones((n_in, n_out), dtype), np.empty((n_in, n_out), dtype)
    out, d_in = np.empty_like(d), np.empty((n_in, n_rows), dtype)
    products = [(W.T, x, out), (x, d.T, grad)]
    return products if first else [*products, (W, d, d_in)]


def _run(products, n_times):
    for _ in range(n_times):
        for a, b, out in products:
            if a.shape[1] == 1:
                # An outer product, for which BLAS is slow.
                np.multiply(a, b, out=out)
            else:
                np.matmul(a, b, out=out)


def _time(products):
    _run(products, 2)
    times = []
    for _ in range(7):
        start = perf_counter()
        _run(products, 5)
        times.append(perf_counter() - start)
    return min(times)


def prepare(problem):
    n_rows = len(problem.X) // problem.n_batches
    products = []
    sizes = problem.layer_sizes
    for i, (n_in, n_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        forms = [
            form(n_in, n_out, n_rows, problem.X.dtype, i == 0)
            for form in (_by_rows, _by_columns)
        ]
        products += min(forms, key=_time)

    def fit():
        _run(products, problem.n_epochs * problem.n_batches)

    return fit
