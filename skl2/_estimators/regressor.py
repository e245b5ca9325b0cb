"""MLPRegressor: targets as they are, predictions in output space."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skl2._engine.losses import REGRESSION_LOSSES, Gaussian, Huber, Pinball
from skl2._estimators import parameters
from skl2._estimators.base import BaseMLP
from skl2._estimators.targets import RealTargets, goodness


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor with an L2, L1, elastic-net or group penalty.

    Minimises

        J = 1/m Σ_i s_i L(y_i, ŷ_i) + 1/(2m) Σ_l λ_l Ω(W_l),

    m the number of training rows (or the sum of the weights s_i) whatever the batch
    size, W_l the weights of layer l; biases are not penalized. With
    `hidden_layer_sizes=()` and L2 it is ``Ridge(alpha=λ)``. A drop-in for
    ``sklearn.neural_network.MLPRegressor``.

    Parameters
    ----------
    loss : {'squared_error', 'poisson', 'absolute_error', 'huber', 'quantile', \
            'gaussian'}, default='squared_error'
        L, summed over the outputs: (ŷ - y)²/2; half the Poisson deviance (y >= 0, ŷ =
        exp(raw)); \\|ŷ - y\\|; (ŷ - y)²/2 where \\|ŷ - y\\| <= δ, else
        δ(\\|ŷ - y\\| - δ/2); the pinball loss max(q (y - ŷ), (1 - q)(ŷ - y)) of each
        `quantile` q. For 'quantile' 'lbfgs' minimises smooth losses above it, the last
        of which exceeds it by 0.00025 of the targets' mean distance to the best
        constant at most; J is that of the pinball loss. 'gaussian', for a standardized
        y: a mean ŷ and a variance σ² in (e⁻¹⁰, e¹⁰), (log σ² + (y - ŷ)²/σ²)/2, see
        ``predict``; the first quarter of `max_iter` (half, for 'lbfgs') trains the mean
        alone, with σ = 1.

    hidden_layer_sizes : array-like of int, default=(100,)
        Units of each hidden layer; () makes a linear model, whose J is convex.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', \
            'gelu', 'silu'}, default='relu'
        Activation of the hidden layers: z, 1/(1+exp(-z)), tanh(z), max(z, 0), z or
        0.01 z (z < 0), z or exp(z)-1 (z < 0), z Φ(z), z/(1+exp(-z)).

    solver : {'lbfgs', 'sgd', 'adam', 'adamw'}, default='adam'
        - 'lbfgs': full-batch quasi-Newton; L1 parts by bound constraints,
          'group_l1' by proximal steps.
        - 'sgd': gradient descent, with momentum. With `momentum=0` and L2 it is weight
          decay, W ← (1 - ηλ/m) W - η G, G the gradient of the mean loss.
        - 'adam': the L2 gradient joins the loss gradient (``torch.optim.Adam``).
        - 'adamw': decoupled decay (``torch.optim.AdamW`` with weight_decay=λ/m); its
          fixed points are not the minima of J.

    alpha : float, array-like of shape (n_layers - 1,) or 'scale', default=0.0001
        λ >= 0, the strength of the penalty, for all weight layers or one each. 'scale'
        reads it off the data, 0.01 σ_max(Xᵀ(Y - Ȳ)) (0.003 without a hidden layer; for
        regression independent of the units of y): on scaled X near the best of a grid,
        for the price of one matrix product.

    batch_size : int or 'auto', default='auto'
        Rows in a mini-batch of the stochastic solvers; 'auto' is min(200, n_samples).
        Batches are balanced: their sizes differ by one at most. λ means the same for
        every batch size.

    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, \
            default='constant'
        Schedule of the learning rate, for all stochastic solvers: constant;
        `learning_rate_init / (rows seen + 1)**power_t`; divided by 5 each time
        patience ends, until 1e-6; half a cosine from `learning_rate_init` to 0 over
        `max_iter` epochs, after a linear warm-up of 5 % of the steps. (scikit-learn
        ignores it with 'adam'.)

    learning_rate_init : float, default=0.001
        η, the (initial) learning rate of the stochastic solvers.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Largest number of iterations; of epochs for the stochastic solvers.

    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the validation split and the order of the rows,
        drawn as scikit-learn's MLP draws them.

    tol : float, default=1e-4
        The stochastic solvers stop when the loss (the validation score, with
        `early_stopping`) does not improve by `tol` for `n_iter_no_change` epochs;
        'lbfgs' when no component of the projected gradient exceeds `tol`.

    verbose : bool or int, default=False
        Whether to print a line an iteration. From scikit-learn 1.9 on callbacks
        (``set_callbacks``) are told of each epoch as well.

    warm_start : bool, default=False
        Whether `fit` goes on from the previous fit: weights, optimizer state,
        learning-rate schedule ('cosine' starts a new cycle), patience, loss curve,
        batch norm and the random stream of dropout and augmentation carry over,
        `n_iter_` counts the new iterations, the classes and the validation split must
        and do stay the same. Patience starts anew where what it watches has
        changed (J, by `alpha`, `penalty`, ...; `scoring`), and the schedule where
        `learning_rate` or `learning_rate_init` has. The same holds for `partial_fit`.

    momentum : float, default=0.9
        Momentum μ in [0, 1] of 'sgd'.

    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to watch the validation score and keep the weights of its best epoch,
        however training ends. The validation rows are those given to `fit`, or
        `validation_fraction` of the rows, held out. Stochastic solvers only.

    validation_fraction : float, default=0.1
        Share of the rows held out by `early_stopping`.

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's moments, in [0, 1).

    epsilon : float, default=1e-8
        ε in Adam's denominator, √v̂ + ε (outside the bias correction, as in the paper).

    n_iter_no_change : int or inf, default=10
        Patience in epochs, see `tol`.

    max_fun : int, default=15000
        Largest number of function evaluations of 'lbfgs'.

    penalty : {'l2', 'l1', 'elasticnet', 'group_l1', None}, default='l2'
        Ω(W) = ‖W‖_F², ‖W‖_1, or ρ ‖W‖_1 + (1 - ρ) ‖W‖_F². An L1 part gives exact
        zeros with every solver. 'group_l1' selects inputs: in the first layer
        Ω(W) = Σ_j ‖W[j, :]‖_2, over all outgoing weights of an input j, which it sets
        to zero together; in the other layers Ω(W) = ‖W‖_F² at the same λ (or at a λ of
        their own, see `alpha`). ``SelectFromModel(mlp, threshold=1e-10)`` keeps the
        inputs that are used; its default threshold is the mean importance.

    l1_ratio : float, default=0.5
        ρ in [0, 1] of 'elasticnet'.

    huber_delta : float, default=1.35
        δ of `loss='huber'`, in the units of y.

    quantile : float or list of float, default=0.5
        q in (0, 1) of `loss='quantile'`. A list, increasing, trains one network with an
        output for each, for a y of one column; ``predict`` then has a column for each,
        sorted in each row, so that quantiles do not cross.

    dropout : float or sequence of float, default=0.0
        Probability in [0, 1) that a unit is dropped in a training step: of all hidden
        layers, or one for each layer, input first. What is kept is scaled up (inverted
        dropout); prediction is without. See ``skl2.inspection.mc_dropout``.

    batch_norm : bool, default=False
        Whether to normalize what enters each hidden activation over the mini-batch;
        its scale and shift are not penalized. At the end of the fit the exact
        statistics of the training rows are folded into `coefs_` and `intercepts_`: a
        fitted model is a plain network. Before batch norm the scale of W is without
        effect: L2 then sets the effective learning rate, not the size of the function
        (van Laarhoven, "L2 regularization versus batch and weight normalization",
        2017), but for the output layer.

    max_norm : float or None, default=None
        Bound on the norm of each unit's incoming weights, hidden and output; after
        each step they are scaled back to it.

    augmentation : callable or None, default=None
        Transform ``(X, y, random_state) -> (X, y)`` of each mini-batch, see
        ``skl2.augmentation``.

    scoring : 'loss', str, callable or None, default=None
        What `early_stopping` watches: minus the mean loss, a scorer of scikit-learn
        (its name or ``scorer(estimator, X, y)``), or R² (for 'quantile' D², see
        ``score``; for 'gaussian' minus the mean loss).

    n_estimators : int, default=1
        K, the number of networks, which are trained together and differ in their
        seeds, ``check_random_state(random_state).randint(2**31 - 1, size=K)``. The
        fitted model is their mean, for 'poisson' of the logarithms: one network of
        K times the hidden units.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer (CSR matrices after ``sparsify``). With `n_estimators` > 1
        the average has the units of all networks side by side, and block-diagonal
        weights, a ``scipy.sparse.bsr_matrix``, from the second hidden layer on.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.
    estimators_ : list of MLPRegressor
        The single networks, each equal to its fit alone; [self] if there is one only.
        Losses, scores and curves of the ensemble are the means over them (in a curve a
        network that has stopped counts with its last value), its `n_iter_` and `t_` the
        largest.
    alpha_ : ndarray of shape (n_layers - 1,)
        λ of each weight layer, as used.
    sparsity_ : ndarray of shape (n_layers - 1,)
        Share of exact zeros in each layer's weights (of an ensemble those between its
        networks as well, see `coefs_`).
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Norm of each input's outgoing weights; 0 for an input that is not used.
    loss_ : float
        J at the end: at the last epoch, or at the minimum found by 'lbfgs'.
    best_loss_ : float or None
        Smallest J of all epochs; None with `early_stopping`.
    loss_curve_ : list of float
        J at each iteration. For the stochastic solvers the mean of the batch losses,
        each before its step, plus the penalty at the start of the epoch.
    penalty_curve_ : list of float
        The penalty in each J of `loss_curve_`.
    validation_scores_ : list of float or None
        Score of each epoch, with `early_stopping`.
    validation_loss_curve_ : list of float or None
        Mean loss of the validation rows at each epoch, without the penalty.
    best_validation_score_ : float or None
        The best of them; the weights are those of its epoch.
    batch_norm_ : list of dict or None
        With `batch_norm`: 'scale' (γ), 'mean' and 'variance' of each hidden layer that
        were folded into the weights, W γ / √(variance + 1e-5).
    n_iter_ : int
        Iterations (epochs) of the last call to fit.
    t_ : int
        Training rows seen by the stochastic solvers.
    n_layers_ : int
        Number of layers, input and output included.
    n_outputs_ : int
        Number of outputs.
    out_activation_ : str
        Inverse link of the output.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    MLPClassifier : The same for classes.
    skl2.inspection.optimality : How far a fit is from a stationary point.

    Notes
    -----
    `partial_fit` minimises the J of the rows it is given: for the same λ over pieces
    of a data set use ``alpha * rows_in_piece / rows_in_all``.

    References
    ----------
    See ``MLPClassifier``; Huber, "Robust estimation of a location parameter", 1964.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2 import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> mlp = MLPRegressor(alpha=100.0, solver="lbfgs", max_iter=500, random_state=0)
    >>> model = make_pipeline(StandardScaler(), mlp).fit(X, y)
    >>> bool(model.score(X, y) > 0.5)
    True
    """

    _parameters = parameters.REGRESSOR
    _y_numeric = True
    _targets = RealTargets()

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        penalty="l2",
        l1_ratio=0.5,
        huber_delta=1.35,
        quantile=0.5,
        dropout=0.0,
        batch_norm=False,
        max_norm=None,
        augmentation=None,
        scoring=None,
        n_estimators=1,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.max_norm = max_norm
        self.augmentation = augmentation
        self.scoring = scoring
        self.n_estimators = n_estimators
        self.huber_delta = huber_delta
        self.quantile = quantile

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _loss(self):
        if self.loss == "huber":
            return Huber(float(self.huber_delta))
        if self.loss == "quantile":
            return Pinball(*parameters.quantiles_of(self.quantile))
        return REGRESSION_LOSSES[self.loss]()

    @available_if(parameters.has_partial_fit)
    def partial_fit(self, X, y, sample_weight=None):
        """Update the model with one epoch over the given data.

        Optimizer state, learning-rate schedule, patience and the random streams carry
        over from call to call: with full batches n calls on the same data are `fit`
        with `max_iter=n`. m in J is the number of rows given (see Notes). Batch-norm
        statistics pool those of about the last 1000 rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of the rows.

        Returns
        -------
        self : object
        """
        return self._fit(X, y, sample_weight, partial=True)

    def predict(self, X, return_std=False):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return the standard deviation of the targets as well, for
            `loss='gaussian'`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For a list of quantiles one column each, not falling from left to right.
        std : ndarray of the shape of y, if `return_std`
            Of an average of networks √(mean of σ² + variance of ŷ), over the networks:
            the noise of the targets and the doubt about the mean together.
        """
        check_is_fitted(self)
        if return_std:
            return self._mean_and_std(X)
        raw = self._raw_predict(X)
        prediction = self._fitted_loss.predict(raw.T[np.newaxis])[0]
        if getattr(self._fitted_loss, "listed", False):
            return prediction.T
        return self._targets.decode(prediction)

    def _mean_and_std(self, X):
        if not isinstance(self._fitted_loss, Gaussian):
            raise ValueError(
                "return_std=True needs a fit with loss='gaussian', which estimates the "
                "standard deviation."
            )
        means, variances = [], []
        for network in self.estimators_:
            raw = network._raw_predict(X).T[np.newaxis]
            means.append(self._fitted_loss.predict(raw)[0])
            variances.append(self._fitted_loss.std(raw)[0] ** 2)
        # The law of total variance.
        variance = np.mean(variances, axis=0) + np.var(means, axis=0)
        mean = np.mean(means, axis=0)
        return self._targets.decode(mean), self._targets.decode(np.sqrt(variance))

    def _watches_loss(self):
        # R² does not see the variance.
        likelihood = self.loss == "gaussian" and self.scoring is None
        return likelihood or super()._watches_loss()

    def score(self, X, y, sample_weight=None):
        """R² of the predictions; for 'quantile' D² of the pinball loss.

        D² = 1 - (pinball loss) / (pinball loss of the best constant), the mean over the
        quantiles, see ``sklearn.metrics.d2_pinball_score``. (R² measures the mean, and
        rates a good .95-quantile as bad.)

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of the rows.

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        if not isinstance(self._fitted_loss, Pinball):
            return super().score(X, y, sample_weight)
        return goodness(self._fitted_loss, y, self.predict(X), sample_weight)
