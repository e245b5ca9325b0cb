"""Time of `import skl2` against that of `import sklearn.neural_network`."""

import os
import subprocess
import sys

import numpy as np

from benchmarks.timing import ratio, show, table

MODULES = ("skl2", "sklearn.neural_network")


def _cpu_seconds(module):
    before = os.times()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = os.times()
    return (
        after.children_user
        + after.children_system
        - before.children_user
        - before.children_system
    )


def run(quick):
    seconds = {module: [] for module in MODULES}
    for i in range(3 if quick else 16):
        for module in MODULES:
            spent = _cpu_seconds(module)
            # The first round fills the caches of the file system.
            if i:
                seconds[module].append(spent)
    own, peer = (np.array(seconds[module]) for module in MODULES)
    return {"seconds": seconds, "ratio": ratio(own, peer)}


def report(results):
    own, peer = (np.median(results["seconds"][module]) for module in MODULES)
    return table(
        [[f"{own:.2f}", f"{peer:.2f}", show(results["ratio"])]],
        ["skl2, s", "sklearn.neural_network, s", "skl2 / sklearn"],
    )
