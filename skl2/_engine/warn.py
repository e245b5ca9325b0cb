"""Warnings that point at the user's line, however deep inside they arise."""

import sys
import warnings
from pathlib import Path

import sklearn

# Frames inside of skl2, and frames of scikit-learn's callbacks between them.
_INSIDE = (
    str(Path(__file__).parents[1]),
    str(Path(sklearn.__file__).parent / "callback"),
)


def warn(message, category=UserWarning):
    """Warn at the innermost line that is outside of this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
