"""The networks and pipelines inside an estimator, and the shared fits they are given.

Shared fits are attached to the estimator of a search before it is cloned, or to a clone
that another process is to fit.
"""

from sklearn.pipeline import Pipeline

from skl2._estimators.base import BaseMLP
from skl2.model_selection._shared_fits import Location
from skl2.model_selection._temporary_memory import TemporaryMemory


class TrainsOwnStacks:
    """Marks a search: inside another one, its estimator is not part of the outer."""


def _parts(estimator):
    """(path, object) of an estimator and everything in its parameters."""
    return [("", estimator), *sorted(estimator.get_params(deep=True).items())]


def own_parts(estimator):
    """Its parts but for those of searches inside, which train their own stacks."""
    parts = _parts(estimator)
    inner = [f"{path}__" for path, part in parts if isinstance(part, TrainsOwnStacks)]
    return [(path, p) for path, p in parts if not path.startswith(tuple(inner))]


def own_networks(estimator):
    """Its networks by path, but for those of searches inside."""
    return {path: p for path, p in own_parts(estimator) if isinstance(p, BaseMLP)}


def attach(shared_fits, estimator):
    """Attach shared fits to the perceptrons and pipelines inside; are there any?"""
    found = False
    for path, part in own_parts(estimator):
        if isinstance(part, BaseMLP):
            part._location = Location(shared_fits, path, part)
            found = True
        elif isinstance(part, Pipeline):
            if part.memory is None or isinstance(part.memory, TemporaryMemory):
                part.memory = shared_fits.memory
    return found


def detach(shared_fits, estimator):
    """Undo ``attach``: a scorer may still hold the estimator."""
    for _, part in _parts(estimator):
        if isinstance(part, BaseMLP):
            part.__dict__.pop("_location", None)
        elif isinstance(part, Pipeline) and part.memory is shared_fits.memory:
            part.memory = None
