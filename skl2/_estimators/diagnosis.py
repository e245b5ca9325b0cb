"""Warnings and errors that say why training failed, or may have."""

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skl2._engine.penalties import l1_share
from skl2._engine.stack import STOCHASTIC_SOLVERS
from skl2._engine.warn import warn
from skl2._estimators.column_scales import should_be_scaled


def warn_if_decay_overshoots(estimator, problem, member):
    """Warn where a step of weight decay would change the sign of the weights."""
    strength = member.alpha * (1.0 - l1_share(member.penalty, member.l1_ratio))
    if member.penalty is None:
        strength[:] = 0.0
    if member.penalty == "group_l1":
        strength[0] = 0.0
    data = problem.data
    # Python's floats: beyond their range there is inf, without a warning.
    strength = float(strength.max()) / data.weight_unit / float(data.total_weight)
    decay = float(member.learning_rate_init) * strength
    if problem.settings.solver in STOCHASTIC_SOLVERS and decay > 1.0:
        warn(
            f"alpha={estimator.alpha!r} is too large for learning_rate_init="
            f"{estimator.learning_rate_init!r}: one step of weight decay would "
            "multiply the weights by 1 - learning_rate_init * alpha / n_samples = "
            f"{1.0 - decay:.3g} < 0. The step is bounded; lower alpha or "
            "learning_rate_init, or use solver='lbfgs'.",
            ConvergenceWarning,
        )


def check_finite(estimator, result, data):
    """Warn or raise where training diverged, raise where no epoch has a score.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    result : Result
    data : TrainingSet
    """
    if result.diverged_at is None and np.isfinite(result.theta).all():
        _check_scores(estimator, result.validation_scores)
        return
    unit = "iteration" if estimator.solver == "lbfgs" else "epoch"
    reason = (
        f"The loss is not finite any more at {unit} "
        f"{result.diverged_at or result.n_iter}. Likely causes: "
        f"{_unscaled_targets(data)}X is not scaled "
        f"(its largest column scale, max |x|, is {_largest_scale(data.X):.3g}: "
        "standardise it, e.g. with StandardScaler); learning_rate_init="
        f"{estimator.learning_rate_init!r} is too large."
    )
    if result.validation_scores and np.isfinite(result.best_validation_score):
        warn(
            f"Training diverged. {reason} The weights of the best validation score "
            "are kept.",
            ConvergenceWarning,
        )
        return
    raise ValueError(
        "Solver produced non-finite parameter weights. The input data may contain "
        f"large values and need to be preprocessed. {reason}"
    )


def _unscaled_targets(data):
    """The cause of divergence that y is: '' if its squares do not overflow."""
    largest = float(np.abs(data.y).max())
    if largest < (float(np.finfo(data.y.dtype).max) / data.y.size) ** 0.5:
        return ""
    return f"y is not scaled (max |y| is {largest:.3g}: divide it); "


def _check_scores(estimator, scores):
    if scores and not np.isfinite(scores).any():
        raise ValueError(
            "early_stopping=True has no best epoch: the validation score is "
            f"{scores[-1]} at each of {len(scores)} epochs. "
            f"scoring={estimator.scoring!r} may not be defined on the validation rows "
            "(R² needs two rows, roc_auc two classes): choose another scoring, or hold "
            "out more rows."
        )


def unfinished(settings, results):
    """The results whose training reached its limit before it converged."""
    if settings.partial:
        return []
    if settings.learning_rate == "cosine" and settings.solver != "lbfgs":
        # The schedule ends the training.
        return []
    return [
        result
        for result in results
        if not (result.converged or result.interrupted) and result.diverged_at is None
    ]


def warn_of_unfinished(estimator, results, n_networks, data):
    """Warn of the limit that has ended the training of some networks.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    results : list of Result
        See ``unfinished``.
    n_networks : int
        Number of networks trained.
    data : TrainingSet
    """
    which = f" ({len(results)} of {n_networks} networks)" if n_networks > 1 else ""
    if estimator.solver == "lbfgs":
        last = results[-1]
        remedy = ", or scale the data" if should_be_scaled(data) else ""
        message = (
            f"lbfgs failed to converge after {last.n_iter} iteration(s){which}: "
            f"{last.message}. Increase max_iter ({estimator.max_iter}) or max_fun "
            f"({estimator.max_fun}){remedy}."
        )
    else:
        message = (
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached "
            f"and the optimization hasn't converged yet{which}."
        )
    warn(message, ConvergenceWarning)


def _largest_scale(X):
    """The largest absolute value, found without a copy of X."""
    values = X.data if sparse.issparse(X) else X
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
