"""MLPClassifier and MLPRegressor: encode the targets, decode the predictions."""

import joblib
import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skl2._engine.losses import BinaryLogLoss, MultinomialLogLoss
from skl2._estimators import parameters
from skl2._estimators.base import BaseMLP
from skl2._estimators.targets import ClassTargets, check_same_classes, given_classes


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier with an L2, L1, elastic-net or group penalty.

    Minimises

        J = 1/m Σ_i s_i L(y_i, ŷ_i) + 1/(2m) Σ_l λ_l Ω(W_l),

    L the log-loss, m the number of training rows (or the sum of the weights s_i)
    whatever the batch size, W_l the weights of layer l; biases are not penalized. A
    drop-in for ``sklearn.neural_network.MLPClassifier``.

    Parameters
    ----------
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
        `validation_fraction` of the rows, held out (stratified by class, or by
        combination of labels; those too rare to be split are pooled). Stochastic
        solvers only.

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
        (its name or ``scorer(estimator, X, y)``), or accuracy.

    n_estimators : int, default=1
        K, the number of networks, which are trained together and differ in their
        seeds, ``check_random_state(random_state).randint(2**31 - 1, size=K)``. The
        fitted model is their mean before softmax or logistic: one network of
        K times the hidden units.

    class_weight : dict, 'balanced', list of dict or None, default=None
        Weights of the classes, {class: weight} (1 where not given; keys of classes that
        the rows lack are ignored, but one must fit); 'balanced' is
        (sum of weights) / (n_classes * sum of weights in the class). For multilabel
        targets a list of such dicts, one a label, whose weights are multiplied. They
        multiply `sample_weight`, in training and in validation.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; the column numbers for multilabel targets.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer (CSR matrices after ``sparsify``). With `n_estimators` > 1
        the average has the units of all networks side by side, and block-diagonal
        weights, a ``scipy.sparse.bsr_matrix``, from the second hidden layer on.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.
    estimators_ : list of MLPClassifier
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
    MLPRegressor : The same for real-valued targets.
    skl2.inspection.optimality : How far a fit is from a stationary point.

    Notes
    -----
    `partial_fit` minimises the J of the rows it is given: for the same λ over pieces
    of a data set use ``alpha * rows_in_piece / rows_in_all``.

    References
    ----------
    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010 (initial weights). Kingma & Ba, "Adam", 2015. Loshchilov & Hutter,
    "Decoupled weight decay regularization", 2019. Byrd, Lu, Nocedal & Zhu, "A limited
    memory algorithm for bound constrained optimization", 1995. Yuan & Lin, "Model
    selection and estimation in regression with grouped variables", 2006. Lee, Sun &
    Saunders, "Proximal Newton-type methods for minimizing composite functions", 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2 import MLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> mlp = MLPClassifier(penalty="l1", alpha=3.0, solver="lbfgs", random_state=0)
    >>> model = make_pipeline(StandardScaler(), mlp).fit(X, y)
    >>> bool(model.score(X, y) > 0.97)
    True
    >>> bool(mlp.sparsity_[0] > 0.5)
    True
    """

    loss = "log_loss"
    _parameters = parameters.COMMON
    _y_numeric = False

    def __init__(
        self,
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
        dropout=0.0,
        batch_norm=False,
        max_norm=None,
        augmentation=None,
        scoring=None,
        n_estimators=1,
        class_weight=None,
    ):
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
        self.class_weight = class_weight

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _learn_targets(self, y):
        # The first call of partial_fit has set classes_; a later fit starts anew.
        if hasattr(self, "coefs_") or not hasattr(self, "classes_"):
            self._targets = ClassTargets.learn(y)
            self.classes_ = self._targets.classes
        else:
            self._targets = ClassTargets.of_given_classes(self.classes_, y)
            self._targets.check(y, complete=self.warm_start)

    def _loss(self):
        return MultinomialLogLoss() if self._targets.one_hot else BinaryLogLoss()

    def _weighting(self, targets, sample_weight):
        if self.class_weight is None:
            return super()._weighting(targets, sample_weight)
        return self._targets.weighting(self.class_weight, targets, sample_weight)

    def _makes_the_data_of(self, other):
        return joblib.hash(self.class_weight) == joblib.hash(other.class_weight)

    @available_if(parameters.has_partial_fit)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Update the model with one epoch over the given data.

        Optimizer state, learning-rate schedule, patience and the random streams carry
        over from call to call: with full batches n calls on the same data are `fit`
        with `max_iter=n`. m in J is the number of rows given (see Notes). Batch-norm
        statistics pool those of about the last 1000 rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or an indicator matrix (multilabel).
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of the rows.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be, for multilabel targets the column numbers;
            required in the first call.

        Returns
        -------
        self : object
        """
        with self._unchanged_on_error():
            if not hasattr(self, "classes_"):
                self.classes_ = given_classes(classes)
            elif classes is not None:
                check_same_classes(classes, self.classes_)
            return self._fit(X, y, sample_weight, partial=True)

    def decision_function(self, X):
        """Raw predictions: what the last layer puts out before softmax or logistic.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        raw : ndarray of shape (n_samples,) for two classes, else (n_samples, n_outputs)
        """
        raw = self._raw_predict(X)
        binary = raw.shape[1] == 1 and not self._targets.multilabel
        return raw[:, 0] if binary else raw

    def predict(self, X):
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_outputs) for multilabel
        """
        raw = self._raw_predict(X)
        return self._targets.decode(raw.T)

    def predict_proba(self, X):
        """Probability of every class, strictly between 0 and 1; 1 if there is one only.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
        """
        raw = self._raw_predict(X)
        if len(self.classes_) == 1 and not self._targets.multilabel:
            return np.ones_like(raw)
        raw = self._two_columns(raw)
        p = self._fitted_loss.predict(raw.T[np.newaxis])[0].T
        info = np.finfo(p.dtype)
        return np.clip(p, info.tiny, 1.0 - info.epsneg, out=p)

    def predict_log_proba(self, X):
        """Logarithm of ``predict_proba``: both order classes and rows alike.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
        """
        p = self.predict_proba(X)
        return np.log(p, out=p)

    def _two_columns(self, raw):
        """Binary: one logit for each class, -z and z."""
        if self._targets.multilabel or raw.shape[1] > 1:
            return raw
        return np.concatenate([-raw, raw], axis=1)
