"""From constructor parameters to the engine's ``Settings`` and ``Member``."""

from math import isinf

import numpy as np
from sklearn.metrics import get_scorer

from skl2._engine.stack import Member, Settings, content_key
from skl2._engine.warn import warn
from skl2._estimators import parameters
from skl2._estimators.alpha_scale import scale_alpha


def layer_sizes(estimator, data, loss):
    """Units of every layer, input and output included."""
    hidden = parameters.check_hidden_layer_sizes(estimator.hidden_layer_sizes)
    return data.X.shape[1], *hidden, loss.n_outputs(len(data.y))


def make_settings(estimator, data, loss, partial):
    """The settings that all networks of an estimator share.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    data : TrainingSet
    loss : Loss
    partial : bool
        Whether the fit is a call of ``partial_fit``.
    """
    sizes = layer_sizes(estimator, data, loss)
    n_hidden = len(sizes) - 2
    dropout = parameters.check_dropout(estimator.dropout, n_hidden)
    scoring = estimator.scoring if estimator.early_stopping else None
    return Settings(
        layer_sizes=sizes,
        activation=estimator.activation,
        loss=(type(loss).__name__, *vars(loss).values()),
        solver=estimator.solver,
        batch_size=_rows_in_a_batch(estimator.batch_size, data.n_rows),
        dtype=data.X.dtype.name,
        learning_rate=estimator.learning_rate,
        power_t=float(estimator.power_t),
        max_iter=1 if partial else int(estimator.max_iter),
        shuffle=bool(estimator.shuffle),
        tol=float(estimator.tol),
        verbose=bool(estimator.verbose),
        nesterovs_momentum=bool(estimator.nesterovs_momentum),
        early_stopping=bool(estimator.early_stopping),
        validation_fraction=float(estimator.validation_fraction),
        n_iter_no_change=float(estimator.n_iter_no_change),
        max_fun=int(estimator.max_fun),
        dropout=tuple(rate > 0 for rate in dropout),
        batch_norm=bool(estimator.batch_norm) and n_hidden > 0,
        max_norm=estimator.max_norm is not None,
        augmentation=content_key(estimator.augmentation),
        scoring=content_key(scoring),
        parameters=_parameters_key(estimator) if _is_free(scoring) else None,
        partial=partial,
    )


def _is_free(scoring):
    """Whether a scorer is a function of the whole estimator, not of predictions."""
    of_predictions = type(get_scorer("accuracy"))
    return callable(scoring) and not isinstance(scoring, of_predictions)


def _parameters_key(estimator):
    params = estimator.get_params(deep=False)
    return tuple((name, content_key(value)) for name, value in params.items())


def _rows_in_a_batch(batch_size, n_rows):
    if batch_size == "auto":
        return min(200, n_rows)
    if batch_size > n_rows:
        warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going "
            "to be clipped",
        )
    return min(int(batch_size), n_rows)


def make_member(estimator, data, loss, random_state):
    """The settings in which a network may differ from others of its stack.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    data : TrainingSet
    loss : Loss
    random_state : RandomState
    """
    n_weight_layers = len(layer_sizes(estimator, data, loss)) - 1
    alpha = parameters.check_alpha(estimator.alpha, n_weight_layers)
    if alpha is None:
        scale = scale_alpha(data, loss, estimator.penalty, n_weight_layers)
        alpha = np.full(n_weight_layers, scale)
    if isinf(float(alpha.max()) / data.weight_unit / float(data.total_weight)):
        raise ValueError(
            f"alpha={estimator.alpha!r} divided by the sum of sample_weight, "
            f"{float(data.total_weight) * data.weight_unit:.3g}, is beyond the range "
            "of float64: use larger weights or a smaller alpha."
        )
    max_norm = estimator.max_norm
    return Member(
        penalty=estimator.penalty,
        alpha=alpha,
        l1_ratio=float(estimator.l1_ratio),
        learning_rate_init=float(estimator.learning_rate_init),
        momentum=float(estimator.momentum),
        beta_1=float(estimator.beta_1),
        beta_2=float(estimator.beta_2),
        epsilon=float(estimator.epsilon),
        random_state=random_state,
        dropout=parameters.check_dropout(estimator.dropout, n_weight_layers - 1),
        max_norm=None if max_norm is None else float(max_norm),
    )
