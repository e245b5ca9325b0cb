"""The networks of a table of many rows, trained piece by piece."""

import numpy as np
import pytest
from helpers import covering
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.solvers.schedules import cosine_factor
from skl2.model_selection import MLPClassifierCV, MLPRegressorCV
from skl2.model_selection import _table as table
from skl2.model_selection import _table_pieces as pieces
from skl2.model_selection import _table_plan as table_plan

pytestmark = pytest.mark.usefixtures("open_ends")
rng = np.random.RandomState(0)
X = rng.standard_normal((90, 3))
NUMBERS = X[:, 0] + np.abs(X[:, 1])
LABELS = np.array(["a", "b", "c"])[np.digitize(NUMBERS, [0, 1])]
WEIGHT = rng.randint(0, 3, 90).astype(float)


def network(kind, **params):
    return kind(
        hidden_layer_sizes=(4,),
        learning_rate="cosine",
        learning_rate_init=0.03,
        batch_size=8,
        alpha=2.0,
        random_state=0,
        n_iter_no_change=np.inf,
        **params,
    )


def fit(kind, y, weight=None, n_networks=1, seed=0, X=X, n_epochs=3):
    pipeline = Pipeline([("columns", StandardScaler()), ("network", network(kind))])
    sample = X[::2], y[::2], {}
    return pieces.fit_in_pieces(
        [pipeline], [n_networks], sample, X, y, weight, n_epochs, seed
    )


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_ROWS", 25)


def test_an_epoch_has_each_row_once_and_all_of_lambda():
    found = list(pieces._epochs(WEIGHT, 90, 3, np.random.RandomState(0)))
    rows = np.flatnonzero(WEIGHT)
    per_epoch = len(found) // 3
    assert per_epoch == -(-len(rows) // 25)
    orders = []
    for epoch in range(3):
        own = found[epoch * per_epoch : (epoch + 1) * per_epoch]
        orders.append(np.concatenate([piece for piece, _, _ in own]))
        assert_array_equal(np.sort(orders[-1]), rows)
        assert_allclose(sum(share for _, _, share in own), 1.0, rtol=1e-12)
        for piece, _, share in own:
            assert_allclose(share, WEIGHT[piece].sum() / WEIGHT.sum(), rtol=1e-12)
    assert (orders[0] != orders[1]).any()
    rates = [rate for _, rate, _ in found]
    assert rates == [cosine_factor(t, len(found)) for t in range(len(found))]


@pytest.mark.parametrize(
    "kind, y", [(MLPClassifier, LABELS), (MLPRegressor, NUMBERS)], ids=lambda v: ""
)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_the_networks_are_those_of_all_rows_encoded_at_once(kind, y, weight):
    found = fit(kind, y, weight, n_networks=2)
    encoded = StandardScaler().fit(X[::2]).transform(X)
    stream = np.random.RandomState(0)
    known = {"classes": np.unique(y)} if kind is MLPClassifier else {}
    networks = [
        network(kind).set_params(
            random_state=int(stream.randint(np.iinfo(np.int32).max)),
            learning_rate="constant",
        )
        for _ in range(2)
    ]
    for rows, rate, share in pieces._epochs(weight, 90, 3, stream):
        for own in networks:
            own.set_params(alpha=2.0 * share, learning_rate_init=0.03 * rate)
            own_weight = None if weight is None else weight[rows]
            own.partial_fit(encoded[rows], y[rows], own_weight, **known)
    for pipeline, own in zip(found, networks, strict=True):
        for ours, theirs in zip(pipeline[-1].coefs_, own.coefs_, strict=True):
            assert_array_equal(ours, theirs)
        assert_array_equal(pipeline.predict(X), own.predict(encoded))
    assert (found[0][-1].coefs_[0] != found[1][-1].coefs_[0]).any()


def test_one_piece_is_a_fit_by_a_schedule_of_epochs(monkeypatch):
    """With full batches and one piece the order of the rows is of no account."""
    monkeypatch.setattr(pieces, "PIECE_ROWS", 90)
    pipeline = Pipeline(
        [("columns", StandardScaler()), ("network", network(MLPRegressor))]
    ).set_params(network__batch_size=90)
    (found,) = pieces.fit_in_pieces(
        [pipeline], [1], (X, NUMBERS, {}), X, NUMBERS, None, 40, 0
    )
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    expected = clone(pipeline).set_params(
        network__random_state=seed, network__max_iter=40
    )
    expected.fit(X, NUMBERS)
    assert_allclose(found.predict(X), expected.predict(X), rtol=1e-9, atol=1e-9)


def test_rows_without_weight_are_left_out():
    kept = WEIGHT > 0
    all_rows = fit(MLPRegressor, NUMBERS, WEIGHT)[0]
    pipeline = Pipeline(
        [("columns", StandardScaler()), ("network", network(MLPRegressor))]
    )
    sample = X[::2], NUMBERS[::2], {}
    few = pieces.fit_in_pieces(
        [pipeline], [1], sample, X[kept], NUMBERS[kept], WEIGHT[kept], 3, 0
    )[0]
    assert_array_equal(all_rows[-1].coefs_[0], few[-1].coefs_[0])


def test_the_networks_have_their_parameters_and_no_training_state():
    fitted = fit(MLPClassifier, LABELS)[0][-1]
    expected = network(MLPClassifier).get_params()
    found = fitted.get_params()
    assert {name: found[name] for name in found if name != "random_state"} == {
        name: expected[name] for name in found if name != "random_state"
    }
    assert fitted._progress is None


@pytest.fixture
def few_are_many(monkeypatch):
    for module in (table, table_plan):
        monkeypatch.setattr(module, "SEARCH_ROWS", 200)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 800)
    monkeypatch.setattr(table_plan, "FINAL_EPOCHS", 15)


def big_table(kind):
    X = np.random.RandomState(1).standard_normal((1600, 3)).astype(np.float32)
    target = X[:, 0] + np.abs(X[:, 1])
    if kind is MLPClassifierCV:
        return X, np.where(target > 0.8, "yes", "no")
    return X, 1000.0 + 10.0 * target


SMALL = {
    "hidden_layer_sizes": (6,),
    "n_bins": 3,
    "alphas": [0.1, 1.0],
    "n_estimators": 2,
    "random_state": 0,
}


@pytest.mark.parametrize(
    "kind, form",
    covering(
        [MLPClassifierCV, MLPRegressorCV],
        ["array", "frame", "sparse", "weights"],
        strength=1,
    ),
)
def test_many_rows(few_are_many, kind, form):
    X, y = big_table(kind)
    weight = None
    data = X
    if form == "frame":
        pd = pytest.importorskip("pandas")
        data = pd.DataFrame(X, columns=list("abc"))
        data["d"] = pd.Categorical(np.arange(len(X)) % 3)
    elif form == "sparse":
        data = sparse.csc_matrix(X)
    elif form == "weights":
        weight = np.arange(len(y)) % 2 + 0.0
    model = kind(**SMALL).fit(data, y, sample_weight=weight)
    (held_out,) = model.held_out_
    assert_array_equal(held_out.y, y[held_out.rows])
    n_search_rows = len(held_out.rows) + len(model.search_.cv[0][0])
    assert n_search_rows == 200
    assert model.score(data, y) > (0.8 if kind is MLPClassifierCV else 0.5)
    # Predictions in pieces are those of all rows at once.
    at_once = model.pipeline_.predict(data)
    found = model.predict(data)
    if kind is MLPClassifierCV:
        assert_array_equal(found, at_once)
    else:
        assert_allclose(found, at_once, rtol=1e-12)


def test_classes_are_weighted_as_in_a_network(few_are_many):
    X, y = big_table(MLPClassifierCV)
    for class_weight in ("balanced", {"yes": 3.0}):
        own = MLPClassifierCV(class_weight=class_weight)
        alone = MLPClassifier(class_weight=class_weight)
        problem, *_ = alone._problem(X, y)
        assert_array_equal(own._row_weight(y, None), problem.data.sample_weight)
    model = MLPClassifierCV(class_weight={"yes": 100.0, "no": 1.0}, **SMALL)
    plain = MLPClassifierCV(**SMALL).fit(X, y)
    assert np.mean(model.fit(X, y).predict(X) == "yes") > np.mean(
        plain.predict(X) == "yes"
    )


def test_labels_and_splits_of_the_user(few_are_many):
    X, y = big_table(MLPRegressorCV)
    labels = np.column_stack([y > 1000, y > 1010, X[:, 2] > 0]).astype(int)
    model = MLPClassifierCV(cv=2, **SMALL).fit(X, labels)
    assert model.predict_proba(X).shape == labels.shape
    assert [len(h.rows) for h in model.held_out_] == [100, 100]
    train = np.arange(500)
    own = [(train, np.arange(500, 700))]
    model = MLPRegressorCV(cv=own, **SMALL).fit(X, y)
    assert_array_equal(model.held_out_[0].rows, own[0][1])


def test_the_same_seed_gives_the_same_model(few_are_many):
    X, y = big_table(MLPClassifierCV)
    first, again, other = (
        MLPClassifierCV(**SMALL | {"random_state": seed}).fit(X, y)
        for seed in (0, 0, 1)
    )
    assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert (first.predict_proba(X) != other.predict_proba(X)).any()
