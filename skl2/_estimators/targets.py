"""Targets: how labels and numbers become the rows that the engine trains on.

Encoded targets have the shape (n_outputs, n_rows), a row for each output.
"""

import numpy as np
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from skl2._engine.losses import Pinball
from skl2._estimators import parameters


class ClassTargets:
    """Class labels. Encoded, they are 0 or 1.

    Two classes are one row, 1 for the second class. More classes are a row each
    (one-hot). A multilabel indicator is a row for each label. One class alone is a row
    of zeros: as in scikit-learn, its network has an output all the same.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels, sorted; the column numbers of a multilabel indicator.
    multilabel : bool
    """

    def __init__(self, classes, multilabel):
        self.classes = classes
        self.multilabel = multilabel

    @classmethod
    def learn(cls, y):
        """The targets whose classes are the labels of `y`."""
        return cls(*_labels(y))

    @classmethod
    def of_given_classes(cls, classes, y):
        """The targets of given classes, labels or an indicator as `y`."""
        labels, multilabel = _labels(y)
        if multilabel and not np.array_equal(classes, labels):
            raise ValueError(
                f"classes={classes.tolist()}, but y is a multilabel indicator of "
                f"{len(labels)} columns: pass their numbers, {labels.tolist()}."
            )
        return cls(classes, multilabel)

    @property
    def one_hot(self):
        """Whether each row of X has exactly one 1 among several outputs."""
        return len(self.classes) > 2 and not self.multilabel

    def check(self, y, complete=False):
        """Raise a ValueError if `y` has other labels.

        Parameters
        ----------
        y : ndarray of shape (n_rows,) or (n_rows, n_labels)
        complete : bool, default=False
            Whether no class may be missing.
        """
        labels, multilabel = _labels(y)
        if multilabel != self.multilabel:
            raise ValueError("y must be multilabel, or not, as in the previous call.")
        same_number = len(labels) == len(self.classes)
        known = np.isin(labels, self.classes).all()
        if multilabel or (known and (same_number or not complete)):
            return
        if complete:
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes}, `y` has "
                f"{labels}"
            )
        raise ValueError(
            "`y` has classes not in `self.classes_`. "
            f"`self.classes_` has {self.classes}. 'y' has {labels}."
        )

    def encode(self, y, dtype):
        """Encoded targets of labels that ``check`` accepts."""
        if self.multilabel:
            return np.ascontiguousarray(y.T, dtype=dtype)
        index = np.searchsorted(self.classes, y)
        if len(self.classes) <= 2:
            return (index == 1).astype(dtype)[np.newaxis]
        one_hot = np.zeros((len(self.classes), len(y)), dtype)
        one_hot[index, np.arange(len(y))] = 1.0
        return one_hot

    def decode(self, y):
        """Labels of encoded targets, or of raw predictions of the same shape."""
        if self.multilabel:
            return (y.T > 0).astype(int)
        return self.classes[self._class_numbers(y)]

    def _class_numbers(self, y):
        """Class number of each row, of encoded targets or raw predictions."""
        if len(self.classes) == 1:
            return np.zeros(y.shape[1], dtype=int)
        return y.argmax(axis=0) if self.one_hot else (y[0] > 0).astype(int)

    def score(self, raw, y, sample_weight, loss):
        """Accuracy of raw predictions; NaN where they are not finite."""
        if not np.isfinite(raw).all():
            return np.nan
        if self.multilabel:
            right = ((raw > 0) == (y > 0)).all(axis=0)
        else:
            right = self._class_numbers(raw) == self._class_numbers(y)
        return np.average(right, weights=sample_weight)

    def strata(self, y):
        """A number for each row: of its class, or of its combination of labels.

        Parameters
        ----------
        y : ndarray of shape (n_outputs, n_rows)
            Encoded targets.
        """
        if not self.multilabel:
            return self._class_numbers(y)
        return np.unique(y, axis=1, return_inverse=True)[1].ravel()

    def weighting(self, class_weight, y, sample_weight):
        """A function that weighs rows by their classes.

        Parameters
        ----------
        class_weight : dict, 'balanced' or list of dict
            See ``MLPClassifier``.
        y : ndarray of shape (n_outputs, n_rows)
            Encoded targets of the training rows, which 'balanced' counts.
        sample_weight : ndarray of shape (n_rows,) or None

        Returns
        -------
        weigh : callable ``weigh(y, sample_weight) -> sample_weight``
            For encoded targets and weights of any rows.
        """
        tables = [
            _class_weights(given, index, classes, sample_weight)
            for index, classes, given in self._weighted(class_weight, y)
        ]

        def weigh(y, sample_weight):
            weights = np.ones(y.shape[1])
            labels = self._weighted(class_weight, y)
            for (index, *_), table in zip(labels, tables, strict=True):
                weights *= table[index]
            if sample_weight is not None:
                weights *= sample_weight
            return weights.astype(y.dtype)

        return weigh

    def _weighted(self, class_weight, y):
        """(class numbers of the rows, classes, class_weight), or one for each label."""
        if not self.multilabel:
            return [(self._class_numbers(y), self.classes.tolist(), class_weight)]
        given = class_weight
        given = [given] * len(y) if isinstance(given, str) else given
        if not isinstance(given, list | tuple) or len(given) != len(y):
            raise ValueError(
                "class_weight of multilabel targets must be 'balanced' or a list of "
                f"{len(y)} dicts, one a label. Got {class_weight!r}."
            )
        rows = y.astype(int)
        return [(row, [0, 1], own) for row, own in zip(rows, given, strict=True)]


class RealTargets:
    """Real numbers, a row for each output."""

    def check(self, y, complete=False):
        """Accept all numbers; the loss has a check of its own."""

    def encode(self, y, dtype):
        """Encoded targets of numbers of shape (n_rows,) or (n_rows, n_outputs)."""
        with np.errstate(over="ignore"):
            targets = np.ascontiguousarray(np.atleast_2d(y.T), dtype=dtype)
        if not np.isfinite(targets).all():
            raise ValueError(
                f"y has values beyond the range of {np.dtype(dtype)}, the type of X: "
                f"max |y| is {np.abs(y).max():.3g}. Scale y, or pass X as float64."
            )
        return targets

    def decode(self, y):
        """Numbers of encoded targets, in the shape in which users give them."""
        return y[0] if len(y) == 1 else y.T

    def score(self, raw, y, sample_weight, loss):
        """R² or D² of raw predictions; NaN where predictions are not finite."""
        prediction = loss.predict(raw[np.newaxis])[0]
        if not np.isfinite(prediction).all():
            return np.nan
        return goodness(loss, y.T, prediction.T, sample_weight)

    def strata(self, y):
        """None: numbers are not stratified."""


def goodness(loss, y, prediction, sample_weight):
    """R²; for the pinball loss D², the mean over its quantiles.

    Parameters
    ----------
    loss : Loss
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
    prediction : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    sample_weight : ndarray of shape (n_rows,) or None
    """
    if not isinstance(loss, Pinball):
        return float(r2_score(y, prediction, sample_weight=sample_weight))
    columns = prediction.T if loss.listed else [prediction]
    scores = [
        d2_pinball_score(y, column, sample_weight=sample_weight, alpha=quantile)
        for column, quantile in zip(columns, loss.quantiles, strict=True)
    ]
    return float(np.mean(scores))


def given_classes(classes):
    """The classes given in the first call of ``partial_fit``, sorted."""
    if classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    return unique_labels(classes)


def check_same_classes(classes, known):
    """Raise a ValueError if a later call of ``partial_fit`` gives other classes."""
    if not np.array_equal(known, unique_labels(classes)):
        raise ValueError(
            f"`classes={classes!r}` is not the same as on last call to partial_fit, "
            f"was: {known!r}"
        )


def _class_weights(given, index, classes, sample_weight):
    """The weight of each class.

    Parameters
    ----------
    given : dict or 'balanced'
    index : ndarray of int, shape (n_rows,)
        Class number of each row.
    classes : list
    sample_weight : ndarray of shape (n_rows,) or None
    """
    if not isinstance(given, str) or given != "balanced":
        return parameters.check_class_weight(given, classes)
    counts = np.bincount(index, sample_weight, minlength=len(classes))
    # A class without any weight has no rows to be weighted.
    present = counts > 0
    return counts.sum() / (present.sum() * np.where(present, counts, np.inf))


def _labels(y):
    """The labels of y, and whether it is a multilabel indicator."""
    kind = type_of_target(y, input_name="y")
    if kind in ("binary", "multiclass"):
        return np.unique(y), False
    # Both look for the kind again and raise for what is no classification.
    check_classification_targets(y)
    return unique_labels(y), kind == "multilabel-indicator"
