"""The models of the splits that a search keeps of the candidate it chooses."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skl2._sklearn_compat import cloudpickle, held_out_rows


@dataclass(frozen=True)
class HeldOut:
    """The model of a split, and what it predicts of the rows held out from it.

    Attributes
    ----------
    model : estimator
        Fitted to the training rows of the split.
    rows : ndarray of int, shape (n_rows,)
        The rows held out.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Their targets.
    prediction : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Their probabilities by the model of a classifier, their predictions by any
        other.
    weight : ndarray of shape (n_rows,) or None
        Their weights, if the estimator was fitted with weights.
    """

    model: Any
    rows: np.ndarray
    y: np.ndarray
    prediction: np.ndarray
    weight: np.ndarray | None


class WatchedScorer:
    """A scorer that notes the models that it is given.

    Parameters
    ----------
    scorer : callable
    scored : list
        The models, in the order of their first score.
    """

    def __init__(self, scorer, scored):
        self.scorer = scorer
        self.scored = scored

    def __reduce__(self):
        # Another process notes its own.
        return WatchedScorer, (self.scorer, [])

    def __call__(self, estimator, *args, **kwargs):
        # The training rows may be scored after those held out.
        if not self.scored or self.scored[-1] is not estimator:
            self.scored.append(estimator)
        return self.scorer(estimator, *args, **kwargs)


class Later:
    """An object that a process pickles and another unpickles when it is needed.

    Parameters
    ----------
    value : object
    """

    def __init__(self, value):
        self._value = value

    def __reduce__(self):
        return _Pickled, (cloudpickle.dumps(self._value),)

    def get(self):
        """The object."""
        return self._value


class _Pickled(Later):
    """An object of another process."""

    def __reduce__(self):
        return _Pickled, (self._value,)

    def get(self):
        return cloudpickle.loads(self._value)


class HeldOutModels:
    """Keeps the models of candidates from one rung of a search to the next.

    scikit-learn's search gives up each model once it has a score, so that a scorer is
    the place to keep it.

    Parameters
    ----------
    all_candidates : bool
        Whether to keep the models of all candidates until the search ends, where the
        choice is not known earlier. If not, only the best candidate so far keeps them.
    """

    def __init__(self, all_candidates):
        self._all_candidates = all_candidates
        self._rung: list = []
        self._kept: dict = {}

    def watched(self, scorer):
        """The scorer, which also notes the models that it is given."""
        return WatchedScorer(scorer, self._rung)

    def end_rung(self, tried, n_splits, chosen):
        """Keep the models of the candidates of a rung that may still be needed.

        Parameters
        ----------
        tried : range
            Numbers of the candidates of the rung.
        n_splits : int
        chosen : int
            Number of the candidate that would be chosen now.
        """
        rung = self._rung.copy()
        self._rung.clear()
        # Fits that fail get no score: which of the models is whose is not known then.
        if len(rung) == len(tried) * n_splits:
            for i, candidate in enumerate(tried):
                self._kept[candidate] = rung[i * n_splits : (i + 1) * n_splits]
        if not self._all_candidates:
            self._kept = {c: kept for c, kept in self._kept.items() if c == chosen}

    def of(self, candidate, splits, X, y, sample_weight):
        """The models of a candidate with their rows, or None if they are not kept.

        Parameters
        ----------
        candidate : int
        splits : list of (ndarray, ndarray)
            Training rows and rows held out.
        X, y, sample_weight
            As given to the search.

        Returns
        -------
        held_out : list of HeldOut or None
        """
        models = self._kept.get(candidate)
        if models is None or y is None:
            return None
        return [
            _held_out(
                model.get() if isinstance(model, Later) else model,
                train,
                test,
                X,
                y,
                sample_weight,
            )
            for model, (train, test) in zip(models, splits, strict=True)
        ]


def _held_out(model, train, test, X, y, sample_weight):
    X, y = held_out_rows(model, X, y, train, test)
    y = y.toarray() if issparse(y) else np.asarray(y)
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    weight = None if sample_weight is None else np.asarray(sample_weight)[test]
    return HeldOut(model, test, y, getattr(model, method)(X), weight)
