"""From constructor parameters to Settings and Member: each parameter arrives."""

import numpy as np
import pytest

from skl2 import MLPClassifier, MLPRegressor
from skl2.augmentation import GaussianNoise

RNG = np.random.RandomState(0)
X = RNG.standard_normal((30, 3))
Y = {MLPClassifier: RNG.randint(0, 3, 30), MLPRegressor: RNG.rand(30)}
# Another value for each parameter; those that go with it are in BESIDE.
OTHER = {
    "activation": "tanh",
    "alpha": 3.0,
    "augmentation": GaussianNoise(),
    "batch_norm": True,
    "batch_size": 5,
    "beta_1": 0.8,
    "beta_2": 0.99,
    "dropout": 0.5,
    "early_stopping": True,
    "epsilon": 1e-6,
    "hidden_layer_sizes": (4,),
    "huber_delta": 2.0,
    "l1_ratio": 0.1,
    "learning_rate": "cosine",
    "learning_rate_init": 0.1,
    "loss": "absolute_error",
    "max_fun": 7,
    "max_iter": 7,
    "max_norm": 2.0,
    "momentum": 0.5,
    "n_iter_no_change": 3,
    "nesterovs_momentum": False,
    "penalty": "l1",
    "power_t": 0.4,
    "quantile": 0.4,
    "random_state": 1,
    "scoring": "loss",
    "shuffle": False,
    "solver": "sgd",
    "tol": 1e-3,
    "validation_fraction": 0.2,
    "verbose": True,
}
BESIDE = {
    "scoring": {"early_stopping": True},
    "huber_delta": {"loss": "huber"},
    "quantile": {"loss": "quantile"},
}
# What does not describe one training: how many, on which weights, from where on.
APART = {"class_weight", "n_estimators", "warm_start"}


def described(Estimator, **params):
    estimator = Estimator(**({"random_state": 0} | params))
    problem, (member,), _ = estimator._problem(X, Y[Estimator])
    return problem.settings, member.key()


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_every_parameter_arrives(Estimator):
    names = set(Estimator().get_params()) - APART
    assert names <= set(OTHER)
    for name in names:
        beside = BESIDE.get(name, {})
        before = described(Estimator, **beside)
        assert described(Estimator, **beside) == before, name
        assert described(Estimator, **beside, **{name: OTHER[name]}) != before, name


@pytest.mark.parametrize(
    "batch_size, expected", [("auto", 30), (7, 7), (30, 30), (31, 30)]
)
def test_a_batch_has_at_most_all_rows(batch_size, expected, recwarn):
    settings, _ = described(MLPRegressor, batch_size=batch_size)
    assert settings.batch_size == expected
    assert len(recwarn) == (batch_size == 31)
