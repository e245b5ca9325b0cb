"""One adapter a library.

``prepare(problem)`` does what is not to be timed (conversion to the library's arrays)
and returns a function without arguments that does the work and returns ``(coefs,
intercepts, n_epochs)``.
"""

from benchmarks.libraries import bare_matmuls, skl2, sklearn, skorch, torch

LIBRARIES = {
    "skl2": skl2.prepare,
    "sklearn": sklearn.prepare,
    "torch": torch.prepare,
    "torch, fused": torch.prepare_fused,
    "skorch": skorch.prepare,
    "matmuls": bare_matmuls.prepare,
}

ESTIMATORS = {"skl2": skl2.estimator, "sklearn": sklearn.estimator}
