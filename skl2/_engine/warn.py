"""Warnings that point at the user's line, however deep inside they arise."""

import os
import sys
import warnings
from pathlib import Path

import joblib
import sklearn

# Frames of skl2, and of the libraries that call it for the user: searches, pipelines.
_INSIDE = (
    # With a separator at the end: skl2_demo is another folder.
    os.path.join(Path(__file__).parents[1], ""),
    os.path.join(Path(sklearn.__file__).parent, ""),
    os.path.join(Path(joblib.__file__).parent, ""),
)


def warn(message, category=UserWarning):
    """Warn at the innermost line that is outside of this package and of scikit-learn.

    In a thread or a process of its own, where there is no such line, at the outermost.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
