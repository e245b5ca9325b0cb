"""What the pipelines of a search keep of their steps, while the search lasts."""

import hashlib
import os
import pickle
import shutil
import tempfile

# What is raised for values that cannot be pickled, by Python's versions.
UNPICKLABLE = (pickle.PicklingError, TypeError, AttributeError)


def _nothing():
    """What replaces the memory in another process."""


class TemporaryMemory:
    """The `memory` of the pipelines of a search: each step is fitted once per fold.

    Results of calls are pickled to a temporary folder, under a hash of the pickled
    arguments. ``joblib.Memory`` does it for later sessions, too: it hashes, loads and
    describes arguments in Python, and on a DataFrame that took longer than training.

    It is None in a clone for the refit, and in another process. Steps that cannot be
    pickled are fitted each time.

    Parameters
    ----------
    shared_fits : SharedFits
        Clones are for the refit once it has finished.
    """

    def __init__(self, shared_fits):
        self._shared_fits = shared_fits
        self._folder = tempfile.mkdtemp(prefix="skl2-")

    def __reduce__(self):
        return _nothing, ()

    def __deepcopy__(self, memo):
        # ``clone`` copies a Pipeline's memory this way.
        return None if self._shared_fits.finished else self

    def cache(self, func, ignore=()):
        """`func` with a memory, see ``joblib.Memory.cache``.

        Parameters
        ----------
        func : callable
        ignore : sequence of str
            Arguments given by name that the result does not depend on.
        """

        def call(*args, **kwargs):
            named = {k: v for k, v in kwargs.items() if k not in ignore}
            key = _key((func.__module__, func.__qualname__, args, named))
            if key is None:
                return func(*args, **kwargs)
            path = os.path.join(self._folder, key)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    return pickle.load(file)  # noqa: S301
            result = func(*args, **kwargs)
            _keep(result, path)
            return result

        return call

    def close(self):
        """Delete the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _key(call):
    """Hash of a call, or None if it can't be pickled.

    Equal arguments may have different pickles, and then the step is fitted once more.
    """
    digest = hashlib.blake2b(digest_size=16)
    # Arrays are hashed in place.
    arrays: list[pickle.PickleBuffer] = []
    try:
        digest.update(pickle.dumps(call, 5, buffer_callback=arrays.append))
    except UNPICKLABLE:
        return None
    for array in arrays:
        digest.update(array.raw())
    return digest.hexdigest()


def _keep(result, path):
    """Write a result in one step: another thread may look for it."""
    handle, unfinished = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            pickle.dump(result, file, 5)
    except UNPICKLABLE:
        os.remove(unfinished)
    else:
        os.replace(unfinished, path)
