"""scikit-learn's callbacks are called at every epoch; verbose prints a line."""

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection import StackedGridSearchCV

callback = pytest.importorskip("sklearn.callback")

RNG = np.random.RandomState(0)
X = RNG.standard_normal((40, 3))
Y = {MLPClassifier: (X[:, 0] > 0).astype(int), MLPRegressor: X[:, 0]}
both = pytest.mark.parametrize("Estimator", list(Y))


class Recorder:
    """Keeps what the tasks are and what the fitted copies can do."""

    def __init__(self, stop_after=None):
        self.begun, self.ended, self.metrics, self.predictions = [], [], [], []
        self.stop_after, self.open = stop_after, 0

    def setup(self, estimator, context):
        self.open += 1

    def teardown(self, estimator, context):
        self.open -= 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.estimator_name, context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.ended.append((context.estimator_name, context.task_name))
        if context.task_name == "epoch":
            self.metrics.append(fitted_estimator.epoch_metrics_)
            self.predictions.append(fitted_estimator.predict(X))
            return len(self.metrics) == self.stop_after


class Propagated(Recorder):
    """Handed on by meta-estimators."""

    max_propagation_depth = None


def make(Estimator, **params):
    defaults = {"hidden_layer_sizes": 4, "max_iter": 6, "random_state": 0}
    return Estimator(**(defaults | params))


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_every_epoch_is_a_task(Estimator, solver):
    recorder = Recorder()
    model = make(Estimator, solver=solver, penalty="l1", alpha=1.0)
    fit_quietly(model.set_callbacks(recorder), X, Y[Estimator])
    name = Estimator.__name__
    assert recorder.begun[0] == recorder.ended[-1] == (name, "fit")
    assert recorder.begun[1:] == [(name, "epoch")] * model.n_iter_
    assert recorder.open == 0
    plain = make(Estimator, solver=solver, penalty="l1", alpha=1.0)
    fit_quietly(plain, X, Y[Estimator])
    assert_array_equal(plain.coefs_[0], model.coefs_[0])
    last = recorder.metrics[-1]
    assert [m["loss"] for m in recorder.metrics] == model.loss_curve_
    assert [m["epoch"] for m in recorder.metrics] == [*range(1, model.n_iter_ + 1)]
    assert_allclose(last["sparsity"], model.sparsity_)
    norms = [np.linalg.norm(W) for W in model.coefs_]
    assert_allclose(last["weight_norm"], norms)
    assert 0 < last["penalty"] < last["loss"] * 10
    assert_array_equal(recorder.predictions[-1], model.predict(X))


@both
@pytest.mark.parametrize("batch_norm", [False, True])
def test_validation_metrics(Estimator, batch_norm):
    recorder = Recorder()
    model = make(Estimator, early_stopping=True, batch_norm=batch_norm)
    fit_quietly(model.set_callbacks(recorder), X, Y[Estimator])
    scores = [m["validation_score"] for m in recorder.metrics]
    losses = [m["validation_loss"] for m in recorder.metrics]
    assert scores == model.validation_scores_
    assert losses == model.validation_loss_curve_


@both
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_can_stop_the_fit(Estimator, solver):
    recorder = Recorder(stop_after=3)
    model = make(Estimator, solver=solver, max_iter=100)
    model.set_callbacks(recorder).fit(X, Y[Estimator])
    assert model.n_iter_ == 3
    assert len(model.loss_curve_) == 3


@both
def test_a_failed_fit_closes_its_callbacks(Estimator):
    recorder = Recorder()
    model = make(Estimator, alpha=-1.0).set_callbacks(recorder)
    with pytest.raises(ValueError, match="alpha"):
        model.fit(X, Y[Estimator])
    assert recorder.begun and recorder.open == 0
    assert not hasattr(model, "_callback_fit_ctx")


class ByNetwork(Recorder):
    """Keeps what is told of each network of an ensemble."""

    def __init__(self, stop=None):
        super().__init__()
        # {network: number of its last epoch}
        self.stop = stop or {}
        self.losses, self.coefs = {}, {}

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append((context.estimator_name, context.task_name))
        if context.task_name == "epoch":
            network = context.parent.task_id
            metrics = fitted_estimator.epoch_metrics_
            self.losses.setdefault(network, []).append(metrics["loss"])
            self.coefs[network] = fitted_estimator.coefs_
            return metrics["epoch"] == self.stop.get(network)


@both
@pytest.mark.parametrize("params", [{}, {"warm_start": True}, {"solver": "lbfgs"}])
def test_epochs_of_an_ensemble_belong_to_its_networks(Estimator, params):
    recorder = ByNetwork(stop={0: 2, 2: 4})
    model = make(Estimator, n_estimators=3, **params).set_callbacks(recorder)
    fit_quietly(model, X, Y[Estimator])
    assert [network.n_iter_ for network in model.estimators_] == [2, 6, 4]
    assert model.n_iter_ == 6
    name = Estimator.__name__
    assert recorder.begun[:2] == [(name, "fit"), (name, "network")]
    assert sorted(recorder.begun) == sorted(recorder.ended)
    assert recorder.begun.count((name, "network")) == 3
    assert recorder.begun.count((name, "epoch")) == 12
    assert recorder.open == 0
    for k, network in enumerate(model.estimators_):
        assert recorder.losses[k] == network.loss_curve_
        for a, b in zip(recorder.coefs[k], network.coefs_, strict=True):
            assert_array_equal(a, b)
        # They are the ensemble's alone.
        assert not hasattr(network, "_skl_callbacks")


@both
def test_in_a_search_over_a_pipeline(Estimator):
    recorder = Propagated()
    pipe = make_pipeline(StandardScaler(), make(Estimator))
    grid = {f"{Estimator.__name__.lower()}__alpha": [0.1, 1.0]}
    search = GridSearchCV(pipe, grid, cv=2).set_callbacks(recorder)
    fit_quietly(search, X, Y[Estimator])
    # Two candidates, two folds and the refit.
    assert recorder.begun.count((Estimator.__name__, "epoch")) == 5 * 6
    assert recorder.open == 0


@both
def test_in_a_stacked_search_results_are_the_same(Estimator):
    recorder = Propagated()
    grid = {"alpha": [0.1, 1.0]}
    search = StackedGridSearchCV(make(Estimator), grid, cv=2)
    fit_quietly(search.set_callbacks(recorder), X, Y[Estimator])
    plain = fit_quietly(GridSearchCV(make(Estimator), grid, cv=2), X, Y[Estimator])
    assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    # Epochs of a stack belong to no candidate, those of the refit to one.
    assert recorder.begun.count((Estimator.__name__, "epoch")) == 6


def test_scoring_monitor():
    monitor = callback.ScoringMonitor(scoring="r2")
    model = make(MLPRegressor).set_callbacks(monitor)
    fit_quietly(model, X, Y[MLPRegressor])
    log = monitor.get_logs(select="most_recent")
    scores = [row["r2"] for row in log.data if row["task_name"] == "epoch"]
    assert len(scores) == 6
    assert_allclose(scores[-1], model.score(X, Y[MLPRegressor]), rtol=1e-12)


def test_progress_bar_shows_epochs(capsys):
    pytest.importorskip("rich")
    bar = callback.ProgressBar()
    fit_quietly(make(MLPRegressor).set_callbacks(bar), X, Y[MLPRegressor])
    shown = capsys.readouterr().out
    assert "MLPRegressor - fit" in shown
    assert "100%" in shown
