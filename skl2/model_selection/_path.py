"""Regularization paths: what a network becomes as λ grows."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skl2._engine.network.average import average
from skl2._engine.network.network import Network
from skl2._engine.objective import raw_and_loss
from skl2._engine.random_streams import stream_at
from skl2._engine.stack import train_stack
from skl2._engine.threads import ctrl_c_raises
from skl2._estimators.alpha_scale import alpha_grid
from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.column_scales import warn_if_unscaled
from skl2._estimators.diagnosis import check_finite
from skl2._estimators.regressor import MLPRegressor
from skl2.model_selection._one_standard_error import (
    alpha_parameter,
    rows_of_one_walk,
    split_scores,
    standard_error,
)


@dataclass(repr=False)
class RegularizationPath:
    """Fits along ascending λs.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        Ascending.
    scores : ndarray of shape (n_alphas, n_folds)
        Held-out scores, greater is better; one column for a single validation set, none
        without one.
    train_loss : ndarray of shape (n_alphas,) or None
        Mean training loss without the penalty.
    validation_loss : ndarray of shape (n_alphas,) or None
        Mean loss of the validation set.
    sparsity : ndarray of shape (n_alphas, n_layers - 1)
        Share of exact zeros of each weight layer (mean over folds), of several networks
        without the zeros between them.
    n_live_inputs : ndarray of shape (n_alphas,)
        Inputs with a weight that is not zero in any network (mean over folds).
    n_live_units : ndarray of shape (n_alphas, n_hidden_layers)
        Hidden units with both an incoming and an outgoing weight that is not zero.
    coefs, intercepts : list of list of ndarray, or None
        Weights of every λ, as `coefs_` and `intercepts_` of an estimator.
    """

    alphas: np.ndarray
    scores: np.ndarray
    sparsity: np.ndarray
    n_live_inputs: np.ndarray
    n_live_units: np.ndarray
    train_loss: np.ndarray | None = None
    validation_loss: np.ndarray | None = None
    coefs: list | None = None
    intercepts: list | None = None

    def __repr__(self):
        first, last = self.n_live_inputs[0], self.n_live_inputs[-1]
        lines = [
            f"RegularizationPath of {len(self.alphas)} λs, {self.alphas[0]:.3g} to "
            f"{self.alphas[-1]:.3g}",
            f"  live inputs: {first:g} to {last:g}",
        ]
        if self.scores.size:
            best = self.index()
            lines.append(
                f"  best mean score: {self.mean_scores[best]:.4g} at λ = "
                f"{self.alphas[best]:.3g}"
            )
        return "\n".join(lines)

    @property
    def mean_scores(self):
        """Mean over folds, shape (n_alphas,)."""
        return self.scores.mean(axis=1)

    @property
    def standard_errors(self):
        """Standard error of the mean over folds, shape (n_alphas,); 0 for one."""
        return np.array([standard_error(row) for row in self.scores])

    def index(self, selection="best"):
        """Index of the chosen λ.

        Parameters
        ----------
        selection : {'best', '1se'}, default='best'
            'best': the λ of the best mean score. '1se': the largest λ whose mean score
            is within one standard error of the best.

        Returns
        -------
        int
        """
        if not self.scores.size:
            raise ValueError("This path has no held-out scores: give X_val and y_val.")
        means = np.where(np.isfinite(self.mean_scores), self.mean_scores, -np.inf)
        best = int(means.argmax())
        if selection == "best":
            return best
        close = means >= means[best] - self.standard_errors[best]
        return int(np.flatnonzero(close).max())

    @classmethod
    def from_search(cls, search):
        """The λs that a search has tried for its best candidate.

        Parameters
        ----------
        search : AlphaSearchCV
            Fitted with return_path=True. Of several scorers, the one that `refit`
            names.

        Returns
        -------
        path : RegularizationPath
        """
        check_is_fitted(search, "cv_results_")
        results = search.cv_results_
        if "mean_live_inputs" not in results:
            raise ValueError(
                "The search has kept no sparsity: fit it with return_path=True."
            )
        name = alpha_parameter(results)
        rows = np.array(rows_of_one_walk(results, search.best_index_, name))
        alphas = np.array([np.max(results["params"][i][name]) for i in rows])
        order = rows[np.argsort(alphas)]
        n_layers = sum(key.startswith("mean_sparsity_") for key in results)
        layers = [results[f"mean_sparsity_{i}"][order] for i in range(n_layers)]
        metric = search.refit if search.multimetric_ else "score"
        return cls(
            alphas=np.sort(alphas),
            scores=split_scores(results, metric)[:, order].T,
            sparsity=np.stack(layers, axis=1),
            n_live_inputs=results["mean_live_inputs"][order],
            n_live_units=np.empty((len(order), 0)),
        )


def looks_continuous(y):
    """Whether y is of a float type, and so more likely real numbers than classes."""
    return np.asarray(y).dtype.kind == "f"


def describe_weights(network, thetas):
    """Sparsity (n_layers - 1,), live inputs and live units of networks side by side.

    Parameters
    ----------
    network : Network
        Of the shape of each.
    thetas : ndarray of shape (K, P)
    """
    weights = [network.unpack(theta)[0] for theta in thetas]
    # A layer of all networks, (K, n_in, n_out).
    live = [np.stack(layer) != 0 for layer in zip(*weights, strict=True)]
    units = [
        (into.any(axis=1) & out.any(axis=2)).sum()
        for into, out in zip(live, live[1:], strict=False)
    ]
    sparsity = np.array([(~layer).mean() for layer in live])
    return sparsity, live[0].any(axis=(0, 2)).sum(), np.array(units)


def regularization_path(
    X,
    y,
    *,
    alphas="auto",
    penalty="auto",
    estimator=None,
    X_val=None,
    y_val=None,
    sample_weight=None,
    **params,
):
    """Fit along ascending λs, each from the weights of the one before.

    From dense to sparse: a network that a large λ has emptied would stay empty. With
    ``n_estimators > 1`` the path is that of the average of so many networks.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    alphas : 'auto', int or array-like, default='auto'
        λs; 'auto': half-decades around alpha='scale', an integer: so many, spaced
        logarithmically over the same range.
    penalty : {'auto', 'l2', 'l1', 'elasticnet', 'group_l1'}, default='auto'
        'auto': that of `estimator`, 'l1' without one.
    estimator : MLPClassifier or MLPRegressor, default=None
        What to fit; None: the regressor for y of a float type, the classifier
        otherwise, with solver='lbfgs', random_state=0.
    X_val, y_val : array-like, default=None
        Validation set; early stopping, if the estimator has it, watches these rows.
        Without them it holds out the same part of X for every λ.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights >= 0 of the rows.
    **params
        Further parameters of the estimator.

    Returns
    -------
    path : RegularizationPath

    Raises
    ------
    ValueError
        If the penalty is None, which leaves no λ, or if a fit fails.
    KeyboardInterrupt
        At Ctrl-C: there are no half-trained paths.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skl2.model_selection import regularization_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = regularization_path(
    ...     (X - X.mean(axis=0)) / X.std(axis=0), y, hidden_layer_sizes=()
    ... )
    >>> bool(path.n_live_inputs[0] == 10 and (path.n_live_inputs[1:] <= 10).all())
    True
    """
    if estimator is None:
        kind = MLPRegressor if looks_continuous(y) else MLPClassifier
        estimator = kind(solver="lbfgs", random_state=0, penalty="l1")
    if isinstance(penalty, str) and penalty == "auto":
        penalty = estimator.penalty
    if penalty is None:
        raise ValueError(
            "penalty=None leaves no alpha to walk along: give a penalty, such as 'l1'."
        )
    if (X_val is None) != (y_val is None):
        raise ValueError("Give both X_val and y_val, or neither.")
    template = clone(estimator).set_params(penalty=penalty, alpha="scale", **params)
    validation = None if X_val is None else (X_val, y_val, None)
    problem, members, _ = template._problem(X, y, sample_weight, validation=validation)
    warn_if_unscaled(problem.data)
    alphas = alpha_grid(alphas, float(members[0].alpha[0]))
    return _path(problem, alphas, _walk(template, problem, members, alphas))


def _walk(template, problem, members, alphas):
    """Train all networks at each λ, from their weights at the λ before.

    Returns
    -------
    thetas : list of ndarray of shape (K, P)
    """
    thetas = []
    for alpha in alphas:
        level = np.full_like(members[0].alpha, alpha)
        members = [replace(member, alpha=level) for member in members]
        with ctrl_c_raises():
            results = train_stack(problem, members, keep_progress=True)
        for member, result in zip(members, results, strict=True):
            check_finite(template, result, problem.data)
            # The next λ starts here.
            member.theta = result.theta
            member.unfolded = result.unfolded
            if problem.settings.early_stopping:
                # One split for the path: rows once trained on are not held out later.
                member.random_state = stream_at(result.progress.split)
        thetas.append(np.stack([result.theta for result in results]))
    return thetas


def _path(problem, alphas, thetas):
    """The ``RegularizationPath`` of the average of the networks at each λ."""
    settings, data = problem.settings, problem.data
    network = Network(settings.layer_sizes, settings.activation, settings.dtype)
    described = [describe_weights(network, own) for own in thetas]
    averages = [average([network.unpack(theta) for theta in own]) for own in thetas]
    validation_loss = None
    scores = np.empty((len(alphas), 0))
    if data.held_out is not None:
        validation_loss = _losses(data.held_out, problem, averages)
        scores = -validation_loss[:, np.newaxis]
    return RegularizationPath(
        alphas=np.asarray(alphas),
        scores=scores,
        sparsity=np.stack([sparsity for sparsity, _, _ in described]),
        n_live_inputs=np.array([inputs for _, inputs, _ in described]),
        n_live_units=np.stack([units for _, _, units in described]),
        train_loss=_losses(data, problem, averages),
        validation_loss=validation_loss,
        coefs=[coefs for coefs, _ in averages],
        intercepts=[intercepts for _, intercepts in averages],
    )


def _losses(data, problem, networks):
    """Mean loss of all rows for each plain network, shape (n_alphas,)."""
    everything = np.arange(data.n_rows)
    losses = []
    for coefs, intercepts in networks:
        sizes = [*(c.shape[0] for c in coefs), problem.settings.layer_sizes[-1]]
        network = Network(sizes, problem.settings.activation, problem.settings.dtype)
        network.bind_fitted(coefs, intercepts)
        # Targets beyond the root of their range have squares of inf.
        with np.errstate(over="ignore", invalid="ignore"):
            _, (mean,) = raw_and_loss(network, problem.loss, data, [everything])
        losses.append(float(mean))
    return np.array(losses)
