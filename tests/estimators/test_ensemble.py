"""n_estimators: each network is a fit of its own, the estimator is their average."""

import copy
import pickle

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils import check_random_state

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.solvers import lazy_rows
from skl2._estimators import base
from skl2.augmentation import GaussianNoise
from skl2.export import compress, from_sklearn, to_sklearn, to_torch
from skl2.inspection import hidden_activations, linear_regime, mc_dropout, optimality
from skl2.model_selection import (
    AlphaSearchCV,
    StackedGridSearchCV,
    _shared_fits,
)

N = 48
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 5))
T = X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * RNG.standard_normal(N)
WEIGHT = RNG.choice([0.0, 1.0, 2.5], N)
TARGETS = {
    "binary": (MLPClassifier, np.where(T > 0, "yes", "no")),
    "multiclass": (MLPClassifier, np.array(list("abc"))[np.digitize(T, [-0.7, 0.7])]),
    "multilabel": (MLPClassifier, np.column_stack([T > 0, X[:, 3] > 0]).astype(int)),
    "regression": (MLPRegressor, T),
    "outputs": (MLPRegressor, np.column_stack([T, X[:, 3] ** 2])),
}
both = pytest.mark.parametrize("problem", ["multiclass", "regression"])
problems = pytest.mark.parametrize("problem", TARGETS)


def make(problem, **params):
    kind, y = TARGETS[problem]
    defaults = {
        "hidden_layer_sizes": (6, 4),
        "max_iter": 5,
        "batch_size": 16,
        "learning_rate_init": 0.02,
        "n_estimators": 3,
        "random_state": 0,
    }
    return kind(**(defaults | params)), y


def fitted(problem, **params):
    model, y = make(problem, **params)
    return fit_quietly(model, X, y)


def raw_prediction(model, data=X):
    return model._raw_predict(data)


def assert_same_fit(one, other):
    """Everything that a fit learns, bit for bit."""
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert_array_equal(a, b, strict=True)
    names = {n for n in vars(one) if n.endswith("_") and not n.startswith("_")}
    assert names == {n for n in vars(other) if n.endswith("_") and n[0] != "_"}
    for name in sorted(names - {"coefs_", "intercepts_", "batch_norm_"}):
        assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def assert_is_average(model, data=X, tolerance=1e-12):
    each = [raw_prediction(network, data) for network in model.estimators_]
    raw, scale = raw_prediction(model, data), np.abs(each).max()
    assert_allclose(raw, np.mean(each, axis=0), rtol=0, atol=tolerance * scale)


# What a fit can be: parameters, and arguments of fit.
OPTIONS = {
    "defaults": {},
    "linear": {"hidden_layer_sizes": ()},
    "one layer": {"hidden_layer_sizes": 6},
    "three layers": {"hidden_layer_sizes": (6, 4, 5), "activation": "silu"},
    "full batch": {"batch_size": N},
    "not shuffled": {"shuffle": False},
    "float32": {"dtype": np.float32},
    "sparse": {"sparse": True},
    "weights": {"sample_weight": WEIGHT},
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs, l1": {"solver": "lbfgs", "penalty": "l1", "alpha": 0.5},
    "lbfgs, group_l1": {"solver": "lbfgs", "penalty": "group_l1", "alpha": 2.0},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling"},
    "adamw": {"solver": "adamw", "alpha": 1.0, "learning_rate": "cosine"},
    "adamw, constant": {"solver": "adamw", "alpha": 1.0},
    "l1": {"penalty": "l1", "alpha": 1.0},
    "elasticnet": {"penalty": "elasticnet", "alpha": [0.5, 0.1, 0.2]},
    "group_l1": {"penalty": "group_l1", "alpha": 1.0},
    "scale": {"alpha": "scale"},
    "dropout": {"dropout": [0.1, 0.3, 0.3]},
    "batch norm": {"batch_norm": True},
    "max norm": {"max_norm": 0.5},
    "augmentation": {"augmentation": GaussianNoise(0.1)},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.5},
    "patience": {"n_iter_no_change": 1, "tol": 0.03, "max_iter": 20},
    "early stopping": {"early_stopping": True, "max_iter": 20, "n_iter_no_change": 2},
    "early stopping by loss": {
        "early_stopping": True,
        "scoring": "loss",
        "batch_norm": True,
    },
    "own validation": {"early_stopping": True, "validation": True},
}


def in_turn(options):
    """Each option with one of the two kinds of problem, in turn."""
    kinds = ["multiclass", "regression"] * len(options)
    return pytest.mark.parametrize(
        ("problem", "option"), [*zip(kinds, options, strict=False)]
    )


def run_of(problem, option, **more):
    """An unfitted estimator and the arguments of fit."""
    params = OPTIONS[option] | more
    data = X.astype(params.pop("dtype", np.float64))
    if params.pop("sparse", False):
        data = csr_matrix(data * (data > 0))
    arguments = {"sample_weight": params.pop("sample_weight", None)}
    validation = params.pop("validation", False)
    model, y = make(problem, **params)
    if validation:
        arguments |= {"X_val": data[:12], "y_val": y[:12]}
    return model, (data, y), arguments


@in_turn([*OPTIONS])
def test_each_network_is_the_fit_of_its_seed_alone(problem, option):
    model, data, arguments = run_of(problem, option)
    fit_quietly(model, *data, **arguments)
    seeds = check_random_state(0).randint(2**31 - 1, size=3)
    assert [network.random_state for network in model.estimators_] == seeds.tolist()
    for network in model.estimators_:
        alone = clone(network)
        assert alone.n_estimators == 1
        assert_same_fit(network, fit_quietly(alone, *data, **arguments))
    starts = [network.coefs_[0].sum() for network in model.estimators_]
    assert len(set(starts)) == 3
    tolerance = 1e-6 if data[0].dtype == np.float32 else 1e-12
    assert_is_average(model, data[0], tolerance)
    assert all(c.dtype == data[0].dtype for c in model.coefs_)


@problems
def test_predictions_are_those_of_the_mean_raw_prediction(problem):
    model = fitted(problem)
    assert_is_average(model)
    raw = np.mean([raw_prediction(network) for network in model.estimators_], axis=0)
    if problem == "regression":
        assert_allclose(model.predict(X), raw[:, 0], rtol=1e-12)
    elif problem == "outputs":
        assert_allclose(model.predict(X), raw, rtol=1e-12)
    elif problem == "multiclass":
        odds = np.exp(raw)
        expected = odds / odds.sum(axis=1, keepdims=True)
        assert_allclose(model.predict_proba(X), expected, rtol=1e-12)
        assert_array_equal(model.predict(X), model.classes_[raw.argmax(axis=1)])
    else:
        expected = 1 / (1 + np.exp(-raw))
        if problem == "binary":
            expected = np.hstack([1 - expected, expected])
        assert_allclose(model.predict_proba(X), expected, rtol=1e-12)


@both
def test_one_network_is_an_ensemble_of_itself(problem):
    model = fitted(problem, n_estimators=1)
    assert model.estimators_ == [model]
    before = fitted(problem, n_estimators=1)
    assert_same_fit(model, before)
    assert not any("estimators" in name for name in vars(model) if name[0] == "_")


@both
def test_a_smaller_ensemble_is_the_first_part_of_a_larger_one(problem):
    small, large = (fitted(problem, n_estimators=n) for n in (2, 4))
    for one, other in zip(small.estimators_, large.estimators_[:2], strict=True):
        assert_same_fit(one, other)


@both
def test_what_an_ensemble_reports_is_the_mean_over_its_networks(problem):
    model = fitted(problem, **OPTIONS["early stopping"] | {"alpha": 1.0})
    networks = model.estimators_
    lengths = [network.n_iter_ for network in networks]
    assert len(set(lengths)) > 1
    assert model.n_iter_ == max(lengths)
    assert model.t_ == max(network.t_ for network in networks)
    for name in ("loss_", "best_validation_score_"):
        each = [getattr(network, name) for network in networks]
        assert_allclose(getattr(model, name), np.mean(each), rtol=1e-14)
    assert model.best_loss_ is None
    for name in (
        "loss_curve_",
        "penalty_curve_",
        "validation_scores_",
        "validation_loss_curve_",
    ):
        # A network that has stopped counts with its last value.
        each = [getattr(network, name) for network in networks]
        each = [c + c[-1:] * (max(lengths) - len(c)) for c in each]
        assert_allclose(getattr(model, name), np.mean(each, axis=0), rtol=1e-14)
    assert_array_equal(model.alpha_, networks[0].alpha_)


def test_best_loss_is_the_mean_where_there_is_one():
    model = fitted("regression")
    each = [network.best_loss_ for network in model.estimators_]
    assert_allclose(model.best_loss_, np.mean(each), rtol=1e-14)


@both
def test_batch_norm_of_an_ensemble_stands_side_by_side(problem):
    model = fitted(problem, batch_norm=True)
    for i, units in enumerate(model.batch_norm_):
        for name, values in units.items():
            each = [network.batch_norm_[i][name] for network in model.estimators_]
            assert_array_equal(values, np.concatenate(each))


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3", None])
@both
def test_bad_numbers_of_networks(problem, value):
    model, y = make(problem, n_estimators=value)
    expected = rf"'n_estimators' .* an integer in \[1, inf\)\. Got {value!r}"
    with pytest.raises(ValueError, match=expected):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_random_states():
    stream = np.random.RandomState(3)
    seeds = np.random.RandomState(3).randint(2**31 - 1, size=3)
    model = fitted("regression", random_state=stream)
    assert [network.random_state for network in model.estimators_] == seeds.tolist()
    # The stream goes on, so that another fit is another one.
    again = fitted("regression", random_state=stream)
    assert again.coefs_[0][0, 0] != model.coefs_[0][0, 0]
    one, other = (fitted("regression", random_state=None) for _ in range(2))
    assert one.coefs_[0][0, 0] != other.coefs_[0][0, 0]


@both
def test_scorers_of_early_stopping_get_one_network(problem):
    seen = []

    def scorer(estimator, X, y):
        seen.append(estimator.estimators_ == [estimator])
        return -len(seen)

    # The second fit begins where there is an ensemble already.
    model = fitted(problem, early_stopping=True, scoring=scorer, warm_start=True)
    fit_quietly(model, X, TARGETS[problem][1])
    assert seen and all(seen)


def test_one_warning_for_all_networks():
    model, y = make("regression")
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert "3 of 3 networks" in str(caught[0].message)
    model, y = make("regression", solver="lbfgs", max_iter=2)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert "lbfgs failed to converge" in str(caught[0].message)


def test_a_network_that_diverges_is_an_error_and_nothing_is_learned():
    model, y = make("regression", solver="sgd", learning_rate_init=1e200, alpha=0.0)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")
    with pytest.raises(AttributeError):
        _ = model.estimators_


# Going on


CONTINUED = ["defaults", "lbfgs", "sgd", "adamw", "l1", "dropout", "batch norm"]
CONTINUED += ["early stopping", "patience", "adaptive", "float32", "linear", "scale"]
CONTINUED += ["max norm", "augmentation", "weights", "sparse", "group_l1"]
CONTINUED += ["adamw, constant"]


@in_turn(CONTINUED)
def test_a_warm_start_goes_on_with_each_network(problem, option):
    model, data, arguments = run_of(problem, option, warm_start=True)
    fit_quietly(model, *data, **arguments)
    alone = [copy.deepcopy(network) for network in model.estimators_]
    first = [network.coefs_[0].copy() for network in alone]
    earlier = model.estimators_
    fit_quietly(model, *data, **arguments)
    for network, before in zip(alone, first, strict=True):
        fit_quietly(network, *data, **arguments)
        # No epoch of the second run need be better than the best of the first.
        if option not in ("lbfgs", "early stopping"):
            assert (network.coefs_[0] != before).any()
    for network, expected in zip(model.estimators_, alone, strict=True):
        assert_same_fit(network, expected)
    assert_is_average(model, data[0], 1e-6 if option == "float32" else 1e-12)
    # What was handed out before stays what it was.
    for network, before in zip(earlier, first, strict=True):
        assert_array_equal(network.coefs_[0], before)


NOT_PARTIAL = ("lbfgs", "early stopping", "adamw")


@in_turn([o for o in CONTINUED if o not in NOT_PARTIAL])
def test_partial_fit_goes_on_with_each_network(problem, option):
    model, (data, y), _ = run_of(problem, option)
    classes = {"classes": np.unique(y)} if problem == "multiclass" else {}
    model.partial_fit(data[:30], y[:30], **classes)
    alone = [clone(network) for network in model.estimators_]
    model.partial_fit(data[20:], y[20:])
    model.partial_fit(data[10:40], y[10:40])
    for network, expected in zip(model.estimators_, alone, strict=True):
        expected.partial_fit(data[:30], y[:30], **classes)
        expected.partial_fit(data[20:], y[20:])
        expected.partial_fit(data[10:40], y[10:40])
        assert_same_fit(network, expected)
    assert_is_average(model, data, 1e-6 if option == "float32" else 1e-12)


def go_on(model, steps):
    """Fit again and again, with other parameters each time: (method, parameters)."""
    y = TARGETS["multiclass"][1]
    for method, params in steps:
        fit_quietly(model.set_params(**params), X, y, method=method)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {
            "solver": "sgd",
            "learning_rate": "invscaling",
            "learning_rate_init": 0.5,
            "power_t": 0.2,
        },
        {"learning_rate": "adaptive", "max_iter": 60, "tol": 0.1},
        {"batch_norm": True, "dropout": 0.2},
        {"class_weight": {"a": 3.0}},
    ],
)
def test_networks_that_stopped_in_different_epochs_go_on_together(params):
    params = OPTIONS["early stopping"] | params | {"warm_start": True}
    model = fitted("multiclass", **params)
    alone = [copy.deepcopy(network) for network in model.estimators_]
    assert len({network.t_ for network in alone}) > 1
    steps = [("fit", {})] * 2
    # Momentum of one unit goes on in another; another rate or solver starts anew.
    steps += [
        ("fit", {"beta_1": 0.5, "max_iter": 3}),
        ("fit", {"learning_rate_init": 0.01}),
        ("partial_fit", {"early_stopping": False}),
        ("fit", {"solver": "adamw"}),
    ]
    go_on(model, steps)
    for network, expected in zip(model.estimators_, alone, strict=True):
        go_on(expected, steps)
        assert_same_fit(network, expected)


def test_networks_of_which_one_has_gone_on_alone_go_on_together():
    model = fitted("multiclass", warm_start=True)
    go_on(model.estimators_[1], [("fit", {})])
    model.estimators_[2].without_progress()
    alone = [copy.deepcopy(network) for network in model.estimators_]
    go_on(model, [("fit", {})])
    for network, expected in zip(model.estimators_, alone, strict=True):
        go_on(expected, [("fit", {})])
        assert_same_fit(network, expected)


def test_networks_whose_rows_wait_go_on_together(monkeypatch):
    monkeypatch.setattr(lazy_rows, "WIDE", 1)
    monkeypatch.setattr(lazy_rows, "TOUCHED_SHARE", 1.0)
    model, (data, y), _ = run_of("regression", "sparse", solver="sgd")
    model.partial_fit(data, y)
    alone = [copy.deepcopy(network) for network in model.estimators_]
    for estimator in (model, *alone):
        estimator.partial_fit(data[:20], y[:20]).partial_fit(data, y)
    for network, expected in zip(model.estimators_, alone, strict=True):
        assert_same_fit(network, expected)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_networks_that_go_on_are_one_stack(monkeypatch, method):
    trained = []

    def recorded(problem, members, *args):
        trained.append(len(members))
        return train_stack(problem, members, *args)

    train_stack = base.train_stack
    monkeypatch.setattr(base, "train_stack", recorded)
    model = fitted("multiclass", warm_start=True)
    go_on(model, [(method, {})])
    assert trained == [3, 3]


@both
def test_full_batch_partial_fits_are_a_fit(problem):
    whole = {"batch_size": N, "max_iter": 3}
    model, y = make(problem, **whole)
    classes = {"classes": np.unique(y)} if problem == "multiclass" else {}
    for _ in range(3):
        model.partial_fit(X, y, **classes)
    expected = fitted(problem, **whole)
    for a, b in zip(model.estimators_, expected.estimators_, strict=True):
        assert_array_equal(a.coefs_[0], b.coefs_[0])


@both
def test_a_warm_start_takes_new_parameters_to_each_network(problem):
    model = fitted(problem, warm_start=True)
    y = TARGETS[problem][1]
    fit_quietly(model.set_params(alpha=3.0, max_iter=2), X, y)
    for network in model.estimators_:
        assert network.alpha == 3.0
        assert network.n_iter_ == 2


@pytest.mark.parametrize(("before", "now"), [(3, 2), (1, 3), (3, 1)])
@both
def test_a_warm_start_needs_as_many_networks(problem, before, now):
    model = fitted(problem, warm_start=True, n_estimators=before)
    y = TARGETS[problem][1]
    coefs = [c.copy() for c in model.coefs_]
    model.set_params(n_estimators=now)
    with pytest.raises(ValueError, match=f"n_estimators={now}, .* {before} network"):
        model.fit(X, y)
    with pytest.raises(ValueError, match=f"n_estimators={now}, .* {before} network"):
        model.partial_fit(X, y)
    for a, b in zip(model.coefs_, coefs, strict=True):
        assert abs(a - b).max() == 0


# One plain network


@problems
def test_pickles_clones_and_copies(problem):
    model = fitted(problem)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(raw_prediction(other), raw_prediction(model))
        for a, b in zip(other.estimators_, model.estimators_, strict=True):
            assert_same_fit(a, b)
    assert clone(model).n_estimators == 3
    assert not hasattr(clone(model), "coefs_")


@problems
@pytest.mark.parametrize("hidden", [(), (40,), (40, 40)])
def test_the_weights_pickle_once(problem, hidden):
    model = fitted(problem, hidden_layer_sizes=hidden)
    pickled = pickle.dumps(model)
    other = pickle.loads(pickled)
    size = sum(
        array.nbytes
        for network in model.estimators_
        for array in (*network.coefs_, *network.intercepts_)
    )
    if hidden:
        assert len(pickled) < 1.5 * size
    for name in ("coefs_", "intercepts_"):
        for ours, theirs in zip(
            getattr(other, name), getattr(model, name), strict=True
        ):
            assert type(ours) is type(theirs)
            dense = [W.toarray() if issparse(W) else W for W in (ours, theirs)]
            assert_array_equal(*dense)
    # Weights that are no longer the average are kept as they are.
    model.intercepts_[-1] = model.intercepts_[-1] + 1.0
    changed = pickle.loads(pickle.dumps(model))
    assert_array_equal(changed.intercepts_[-1], model.intercepts_[-1])
    sparsified = pickle.loads(pickle.dumps(fitted(problem).sparsify()))
    assert issparse(sparsified.coefs_[0])


@problems
@pytest.mark.parametrize("hidden", [(), (6,), (6, 4), (6, 4, 5)])
def test_shapes_and_storage(problem, hidden):
    model = fitted(problem, hidden_layer_sizes=hidden)
    n_outputs = model.n_outputs_
    sizes = [5, *(3 * n for n in hidden), n_outputs]
    assert [c.shape for c in model.coefs_] == [*zip(sizes, sizes[1:], strict=False)]
    assert [b.shape for b in model.intercepts_] == [(n,) for n in sizes[1:]]
    assert model.n_layers_ == len(hidden) + 2
    for W, n_in, n_out in zip(model.coefs_[1:-1], hidden, hidden[1:], strict=False):
        assert W.nnz == 3 * n_in * n_out
    if hidden:
        norms = [n.feature_importances_**2 for n in model.estimators_]
        importances = np.sqrt(np.sum(norms, axis=0))
        assert_allclose(model.feature_importances_, importances, rtol=1e-12)
    dense = [c if isinstance(c, np.ndarray) else c.toarray() for c in model.coefs_]
    assert_allclose(model.sparsity_, [np.mean(c == 0) for c in dense])


@both
def test_inputs_are_selected_together(problem):
    y = TARGETS[problem][1]
    noisy = np.hstack([X, RNG.standard_normal((N, 3))])
    model, _ = make(problem, solver="lbfgs", penalty="group_l1", alpha=8.0, max_iter=20)
    selector = fit_quietly(SelectFromModel(model, threshold=1e-10), noisy, y)
    used = [n.feature_importances_ > 0 for n in selector.estimator_.estimators_]
    assert_array_equal(selector.get_support(), np.any(used, axis=0))
    assert 0 < selector.get_support().sum() < 8


@both
@pytest.mark.parametrize("hidden", [(), (6,), (6, 4), (6, 4, 5)])
def test_sparsify_and_densify(problem, hidden):
    model = fitted(problem, hidden_layer_sizes=hidden, penalty="l1", alpha=2.0)
    formats = [type(c) for c in model.coefs_]
    raw, sparsity = raw_prediction(model), model.sparsity_
    model.sparsify()
    assert all(c.format == "csr" for c in model.coefs_)
    # Zeros take no place, neither those between the networks nor those of L1.
    for c, share in zip(model.coefs_, sparsity, strict=True):
        assert c.nnz == round((1 - share) * np.prod(c.shape))
    assert_allclose(raw_prediction(model), raw, rtol=1e-12, atol=1e-14)
    model.densify()
    assert [type(c) for c in model.coefs_] == formats
    assert_array_equal(raw_prediction(model), raw)
    assert_array_equal(model.sparsity_, sparsity)


@problems
@pytest.mark.parametrize("hidden", [(), (6,), (6, 4), (6, 4, 5)])
def test_to_sklearn_and_back(problem, hidden):
    model = fitted(problem, hidden_layer_sizes=hidden, activation="tanh")
    exported = to_sklearn(model)
    for theirs in (exported, from_sklearn(exported)):
        name = "predict" if "re" in problem or problem == "outputs" else "predict_proba"
        ours = getattr(model, name)(X)
        assert_allclose(getattr(theirs, name)(X), ours, rtol=1e-12, atol=1e-12)


@pytest.mark.oracle
@problems
@pytest.mark.parametrize("hidden", [(), (6,), (6, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_to_torch(problem, hidden, dtype):
    torch = pytest.importorskip("torch")
    data = X.astype(dtype)
    model, y = make(problem, hidden_layer_sizes=hidden, activation="silu")
    fit_quietly(model, data, y)
    with torch.no_grad():
        raw = to_torch(model)(torch.from_numpy(data)).numpy()
    assert raw.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    ours = raw_prediction(model, data)
    assert_allclose(raw, ours, rtol=0, atol=tolerance * np.abs(ours).max())


# skl2onnx flattens several outputs.
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("hidden", [(6,), (6, 4)])
def test_onnx(problem, hidden):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    data = X.astype(np.float32)
    model, y = make(problem, hidden_layer_sizes=hidden)
    fit_quietly(model, data, y)
    classifier = isinstance(model, MLPClassifier)
    options = {"zipmap": False} if classifier else None
    exported = skl2onnx.to_onnx(to_sklearn(model), data[:1], options=options)
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    found = session.run(None, {session.get_inputs()[0].name: data})[-1]
    ours = model.predict_proba(data) if classifier else model.predict(data)
    assert_allclose(np.squeeze(found), ours, rtol=0, atol=1e-6 * np.abs(ours).max())


@both
@pytest.mark.parametrize("hidden", [(6,), (6, 4), (6, 4, 5)])
def test_compress(problem, hidden):
    model = fitted(problem, hidden_layer_sizes=hidden, activation="tanh")
    # Cut off a unit of the last hidden layer of every network, and two of the second's.
    last, width = model.coefs_[-1], hidden[-1]
    last[[1, width + 2, width + 3, 2 * width]] = 0.0
    small = compress(model)
    assert_allclose(raw_prediction(small.estimator), raw_prediction(model), rtol=1e-12)
    # Side by side one layer keeps what it needs; blocks are as large as the largest.
    removed = 4 if len(hidden) == 1 else 3
    assert small.removed_units == [0] * (len(hidden) - 1) + [removed]
    widths = tuple(3 * n for n in hidden[:-1]) + (3 * width - removed,)
    assert small.estimator.hidden_layer_sizes == widths
    assert small.multiply_adds[0] == sum(
        np.size(c) for network in model.estimators_ for c in network.coefs_
    )
    assert small.multiply_adds[1] < small.multiply_adds[0]
    # It is one network now.
    assert small.estimator.n_estimators == 1
    assert small.estimator.estimators_ == [small.estimator]
    assert small.pickle_bytes[1] < small.pickle_bytes[0] * 0.6
    sparse = raw_prediction(compress(copy.deepcopy(model).sparsify()).estimator)
    assert_array_equal(sparse, raw_prediction(small.estimator))


@both
def test_inspection_looks_at_the_average(problem):
    model = fitted(problem, activation="tanh")
    units = [hidden_activations(network, X) for network in model.estimators_]
    assert_allclose(hidden_activations(model, X), np.hstack(units), rtol=1e-12)
    ours = linear_regime(model, X)
    each = [linear_regime(network, X) for network in model.estimators_]
    for name in ("mean_abs_z", "linear_share"):
        expected = np.mean([getattr(regime, name) for regime in each], axis=0)
        assert_allclose(getattr(ours, name), expected, rtol=1e-12)


@both
def test_optimality_is_that_of_the_network_farthest_from_a_minimum(problem):
    y = TARGETS[problem][1]
    model = fitted(problem, solver="lbfgs", penalty="l1", alpha=1.0, max_iter=15)
    each = [optimality(network, X, y) for network in model.estimators_]
    assert_array_equal(optimality(model, X, y), np.max(each, axis=0))


@both
def test_mc_dropout_drops_units_of_every_network(problem):
    model = fitted(problem, hidden_layer_sizes=(30,), dropout=0.5, max_iter=30)
    n = 200
    mean, std = mc_dropout(model, X, n_passes=n, random_state=0)
    if problem == "regression":
        # One hidden layer and no link: the masks' expectation is the prediction, and
        # independent masks of K networks have 1 / K of the mean variance.
        error = np.abs(mean - model.predict(X))
        assert (error < 5 * std / np.sqrt(n)).all()
        each = [
            mc_dropout(network, X, n_passes=n, random_state=k)[1] ** 2
            for k, network in enumerate(model.estimators_)
        ]
        expected = np.sqrt(np.sum(each, axis=0)) / 3
        assert_allclose(std, expected, rtol=0.3)
    else:
        assert_allclose(mean.sum(axis=1), 1.0, rtol=1e-12)
        assert (std > 0).all()


@pytest.mark.parametrize("params", [{}, {"warm_start": True}, {"solver": "lbfgs"}])
def test_verbose_names_the_network(capsys, params):
    fitted("regression", verbose=True, max_iter=2, **params)
    lines = capsys.readouterr().out.splitlines()
    order = [(k, n) for n in (1, 2) for k in range(3)]
    # L-BFGS trains one after the other.
    order = sorted(order) if "solver" in params else order
    assert [line[:15] for line in lines] == [f"[{k}] Iteration {n}" for k, n in order]


# Searches


@both
def test_a_search_over_the_number_of_networks(problem):
    model, y = make(problem)
    grid = {"n_estimators": [1, 2, 4], "alpha": [0.1, 10.0]}
    ours = StackedGridSearchCV(model, grid, cv=2, scoring=None)
    theirs = GridSearchCV(model, grid, cv=2)
    fit_quietly(ours, X, y)
    fit_quietly(theirs, X, y)
    for name, values in theirs.cv_results_.items():
        if "time" not in name:
            assert_array_equal(ours.cv_results_[name], values, err_msg=name)
    assert_array_equal(
        raw_prediction(ours.best_estimator_), raw_prediction(theirs.best_estimator_)
    )


@both
def test_candidates_share_stacks_and_networks(problem, monkeypatch):
    trained = []

    def recorded(problem, members):
        trained.append(len(members))
        return train_stack(problem, members)

    train_stack = _shared_fits.train_stack
    monkeypatch.setattr(_shared_fits, "train_stack", recorded)
    model, y = make(problem)
    grid = {"n_estimators": [2, 4], "alpha": [0.1, 10.0]}
    fit_quietly(StackedGridSearchCV(model, grid, cv=2, refit=False), X, y)
    # The smaller ensemble is two of the four networks: they are trained once.
    assert trained == [8, 8]


def test_candidates_of_no_seed_share_their_networks():
    model, y = make("regression", random_state=None)
    grid = {"n_estimators": [3], "alpha": [0.1, 0.1]}
    search = fit_quietly(StackedGridSearchCV(model, grid, cv=2), X, y)
    one, other = search.cv_results_["mean_test_score"]
    assert one == other


@both
@pytest.mark.filterwarnings("ignore:The best alpha")
def test_a_walk_over_alpha_alongside_the_number_of_networks(problem):
    model, y = make(problem, penalty="l1")
    search = AlphaSearchCV(
        model,
        {"n_estimators": [1, 3]},
        alphas=[1.0, 10.0],
        cv=KFold(2),
        scoring=None if problem == "regression" else "accuracy",
        return_path=True,
    )
    results = fit_quietly(search, X, y).cv_results_
    candidates = zip(results["param_n_estimators"], results["param_alpha"], strict=True)
    for i, (n, alpha) in enumerate(candidates):
        shares = []
        for k, (train, test) in enumerate(KFold(2).split(X)):
            # A fold is fitted at its share of λ.
            one = clone(model).set_params(n_estimators=n, alpha=alpha * len(train) / N)
            fit_quietly(one, X[train], y[train])
            score = one.score(X[test], y[test])
            if problem == "regression":
                score = -np.mean((one.predict(X[test]) - y[test]) ** 2)
            assert_allclose(results[f"split{k}_test_score"][i], score, rtol=1e-12)
            shares += [network.sparsity_[0] for network in one.estimators_]
        assert_allclose(results["mean_sparsity_0"][i], np.mean(shares), rtol=1e-12)
    assert (
        len(search.best_estimator_.estimators_) == search.best_params_["n_estimators"]
    )


def test_networks_that_stop_where_they_start_have_no_curve():
    # The gradient of one class alone vanishes where the prediction is saturated.
    data = np.full((1, 2), 1e20)
    model = MLPClassifier((4,), solver="lbfgs", n_estimators=8, random_state=0)
    model = fit_quietly(model, data, ["a"])
    lengths = [len(network.loss_curve_) for network in model.estimators_]
    assert min(lengths) == 0 < max(lengths)
    assert len(model.loss_curve_) == len(model.penalty_curve_) == max(lengths)
    assert np.isfinite(model.loss_)
