"""What a bug report needs to know of the machine."""

import platform
import sys
from importlib.metadata import version

from threadpoolctl import threadpool_info

PACKAGES = ["numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl"]


def show_versions():
    """Print the versions of Python, of skl2 and of the packages that it is built on.

    Followed by the libraries that compute in threads (BLAS, OpenMP): which file, which
    kernel for this processor, how many threads. For bug reports; results may differ in
    their last bits from one BLAS to another.
    """
    # A clone may be on the path without being installed.
    from skl2 import __version__

    lines = {"Python": sys.version.replace("\n", " "), "system": platform.platform()}
    lines["skl2"] = __version__
    lines |= {package: version(package) for package in PACKAGES}
    for library in threadpool_info():
        kernel = library.get("architecture", "")
        name = f"{library['internal_api']} {library['version'] or ''} {kernel}"
        threads = f"{library['num_threads']} threads"
        lines[library["filepath"]] = f"{' '.join(name.split())}, {threads}"
    for name, value in lines.items():
        print(f"{name}: {value}")
