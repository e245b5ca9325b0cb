"""Searches on a dask cluster of two workers: same results, few tasks, data once."""

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skl2 import MLPClassifier
from skl2.model_selection import AlphaSearchCV, StackedGridSearchCV

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)
ALPHAS = np.logspace(-3, 3, 12)
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
# Large enough for the ladder to share the folds out.
WIDE = SMALL | {"hidden_layer_sizes": (256,)}


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def log_length(dask_scheduler):
    return len(dask_scheduler.transition_log)


def keys_since(start, dask_scheduler):
    log = list(dask_scheduler.transition_log)[start:]
    return sorted({str(entry[0]) for entry in log})


def on_cluster(client, fit):
    """What `fit` returns with the cluster as backend, and the keys of its tasks."""
    start = client.run_on_scheduler(log_length)
    with joblib.parallel_config(backend="dask"):
        result = fit()
    keys = client.run_on_scheduler(keys_since, start)
    return result, [key for key in keys if key.startswith("batch_of")]


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_grid_gives_the_same_and_sends_stacks(client, in_pipeline):
    estimator, prefix = MLPClassifier(**SMALL), ""
    if in_pipeline:
        estimator = make_pipeline(StandardScaler(), estimator)
        prefix = "mlpclassifier__"
    grid = {prefix + "alpha": ALPHAS, prefix + "learning_rate_init": [0.001, 0.01]}

    def fit():
        search = StackedGridSearchCV(
            estimator, grid, scoring=["neg_log_loss", "accuracy"], cv=3, refit=False
        )
        return search.fit(X, y).cv_results_

    here, (there, tasks) = fit(), on_cluster(client, fit)
    assert here.keys() == there.keys()
    for name in here:
        if "time" not in name:
            assert_array_equal(there[name], here[name], err_msg=name)
    # 72 fits, two chunks a fold at most.
    assert 3 <= len(tasks) <= 6
    assert all("_train_chunk" in key for key in tasks)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_an_alpha_search_gives_the_same(client, container):
    search = AlphaSearchCV(MLPClassifier(**SMALL), alphas=ALPHAS, cv=3, random_state=0)

    def fit():
        fitted = search.fit(container(X), y)
        return fitted.cv_results_["mean_test_score"], fitted.alpha_

    here, (there, tasks) = fit(), on_cluster(client, fit)
    assert_array_equal(here[0], there[0])
    assert here[1] == there[1]
    # A chunk of λs a fold at least.
    assert len(tasks) >= 3


@pytest.fixture
def sent(client, monkeypatch):
    """(shape, to all workers?) of what is scattered; that is not sent with a task."""
    scatter, sent = client.scatter, []

    def noted(data, **options):
        parts = data if isinstance(data, list) else [data]
        sent.extend(
            (getattr(part, "shape", None), options.get("broadcast", False))
            for part in parts
        )
        return scatter(data, **options)

    monkeypatch.setattr(client, "scatter", noted)
    return sent


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_a_grid_sends_the_rows_of_a_fold_once(client, container, sent):
    # L-BFGS: a chunk is a candidate (joblib joins quick ones).
    search = StackedGridSearchCV(
        MLPClassifier(**SMALL, solver="lbfgs"), {"alpha": ALPHAS}, cv=3, refit=False
    )
    _, tasks = on_cluster(client, lambda: search.fit(container(X), y))
    assert len(tasks) > 3 * 2
    rows = sorted(shape[0] for shape, _ in sent if shape and shape[1:] == X.shape[1:])
    assert rows == [379, 379, 380]
