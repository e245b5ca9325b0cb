"""What ``benchmarks.tables`` compares: a function per method that makes an estimator.

The estimators are given the table as it is. Those of scikit-learn stand in a pipeline
with the usual preprocessing: medians for missing values, StandardScaler, one-hot
columns, and for networks a standardised target.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from scipy import sparse
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
)
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    OneHotEncoder,
    StandardScaler,
)

# The λs of the grid search of scikit-learn's networks.
ALPHAS = np.logspace(-3, 3, 9)
HGB_GRID = {
    "learning_rate": [0.03, 0.1],
    "max_iter": [100, 300],
    "max_leaf_nodes": [7, 31],
}
RIDGE_ALPHAS = np.logspace(-3, 5, 33)
# Wider tables stay as they are: with all columns encoded they would be a multiple of
# this, for little gain.
MOST_ENCODED_COLUMNS = 100


# ------------------------------------------------------------- preprocessing


def to_numeric(numeric, X):
    """`numeric` for the columns of numbers, one-hot for the others."""
    if not hasattr(X, "iloc"):
        return numeric
    # A level that only test rows have is none of the columns.
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [
        ("numeric", numeric, make_column_selector(dtype_include="number")),
        ("one_hot", one_hot, make_column_selector(dtype_include="category")),
    ]
    return ColumnTransformer(columns)


def preprocessing(X):
    """The usual one, for estimators that need scaled numbers."""
    if sparse.issparse(X):
        return MaxAbsScaler()
    scaling = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return to_numeric(scaling, X)


def with_scaled_target(model, regression):
    if not regression:
        return model
    return TransformedTargetRegressor(model, transformer=StandardScaler())


def preprocessed(network, split):
    model = make_pipeline(preprocessing(split.X), network)
    return with_scaled_target(model, split.regression)


def to_dense(X):
    return X.toarray()


def scoring(split):
    """By which searches choose: the loss that is reported.

    'neg_log_loss' fails on a fold in which a class is missing, as happens where rows
    come in groups; with the labels given it does not.
    """
    if split.regression:
        return "neg_mean_squared_error"
    return make_scorer(
        log_loss,
        response_method="predict_proba",
        greater_is_better=False,
        labels=np.arange(split.n_classes),
    )


# ------------------------------------------------------- scikit-learn's own


def peer_network(split, seed, **params):
    make = MLPRegressor if split.regression else MLPClassifier
    return preprocessed(make(random_state=seed, **params), split)


def peer_default(split, seed):
    return peer_network(split, seed)


def peer_stopped(split, seed):
    return peer_network(split, seed, early_stopping=True)


def network_parameter(split, name):
    """The parameter of the network within what `preprocessed` returns."""
    step = "mlpregressor" if split.regression else "mlpclassifier"
    return f"{'regressor__' if split.regression else ''}{step}__{name}"


def peer_grid(split, seed):
    grid = {network_parameter(split, "alpha"): ALPHAS}
    model = peer_network(split, seed)
    return GridSearchCV(model, grid, scoring=scoring(split), cv=split.folds or 5)


def boosting(split, seed):
    regression = split.regression
    make = (
        HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    )
    model = make(random_state=seed)
    if sparse.issparse(split.X):
        return make_pipeline(FunctionTransformer(to_dense, accept_sparse=True), model)
    return model


def boosting_grid(split, seed):
    model = boosting(split, seed)
    prefix = f"{model.steps[-1][0]}__" if sparse.issparse(split.X) else ""
    grid = {prefix + name: values for name, values in HGB_GRID.items()}
    return GridSearchCV(model, grid, scoring=scoring(split), cv=split.folds or 5)


def linear(split, seed):
    if split.regression:
        return preprocessed(RidgeCV(RIDGE_ALPHAS), split)
    # It gives the labels to its scorer itself.
    model = LogisticRegressionCV(
        scoring="neg_log_loss", cv=split.folds or 5, max_iter=1000
    )
    return preprocessed(model, split)


# ----------------------------------------------------------------------- ours


def table_estimator(split, seed):
    """MLPClassifierCV or MLPRegressorCV with its defaults."""
    from skl2.model_selection import MLPClassifierCV, MLPRegressorCV

    make = MLPRegressorCV if split.regression else MLPClassifierCV
    return make(cv=split.folds, random_state=seed)


def schedule(n_rows):
    """Cosine-annealed Adam; more epochs, of smaller batches, where rows are few."""
    epochs = {"max_iter": 40} if n_rows > 1500 else {"max_iter": 80, "batch_size": 64}
    # The schedule ends by itself: no fit stops early.
    return {
        "learning_rate": "cosine",
        "learning_rate_init": 0.01,
        "n_iter_no_change": epochs["max_iter"],
        **epochs,
    }


def alpha_search(split, seed):
    """λ alone, of one network on columns that are encoded piecewise linearly."""
    import skl2
    from skl2.model_selection import AlphaSearchCV
    from skl2.preprocessing import PiecewiseLinearEncoder

    make = skl2.MLPRegressor if split.regression else skl2.MLPClassifier
    network = make(random_state=seed, **schedule(len(split.y)))
    if sparse.issparse(split.X) or split.X.shape[1] > MOST_ENCODED_COLUMNS:
        columns = preprocessing(split.X)
    else:
        columns = to_numeric(PiecewiseLinearEncoder(), split.X)
    model = with_scaled_target(make_pipeline(columns, network), split.regression)
    return AlphaSearchCV(model, cv=split.folds, random_state=seed)


# ------------------------------------------------------------ with extra bench


def quiet_lightning():
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)


def realmlp(split, seed):
    """Tuned defaults; for probabilities without label smoothing, as its authors say."""
    import pytabkit

    quiet_lightning()
    params = {"device": "cpu", "random_state": seed, "n_threads": 1}
    if split.regression:
        model = pytabkit.RealMLP_TD_Regressor(**params)
    else:
        model = pytabkit.RealMLP_TD_Classifier(
            val_metric_name="cross_entropy", use_ls=False, **params
        )
    return numeric_pipeline(model, split)


def tabm(split, seed):
    import pytabkit

    quiet_lightning()
    params = {"device": "cpu", "random_state": seed, "n_threads": 1}
    if split.regression:
        model = pytabkit.TabM_D_Regressor(**params)
    else:
        model = pytabkit.TabM_D_Classifier(val_metric_name="cross_entropy", **params)
    return numeric_pipeline(model, split)


def numeric_pipeline(model, split):
    """`model` scales by itself, and takes no sparse X and no missing numbers."""
    if sparse.issparse(split.X):
        return make_pipeline(FunctionTransformer(to_dense, accept_sparse=True), model)
    return make_pipeline(to_numeric(SimpleImputer(strategy="median"), split.X), model)


@dataclass
class Method:
    """A row of the tables.

    Attributes
    ----------
    make : callable ``make(split, seed) -> estimator``
        Imports what it needs, outside of the time that is measured.
    packages : tuple of str
        Without these the method is left out.
    limit : float
        Once a split took more CPU seconds, further splits of the set are left out.
    ours : bool
        Whether the others are compared with this method.
    """

    title: str
    make: Callable
    packages: tuple[str, ...] = ()
    limit: float = np.inf
    ours: bool = False

    @property
    def missing(self):
        return [name for name in self.packages if find_spec(name) is None]


METHODS = {
    "table": Method("skl2 MLP*CV", table_estimator, ours=True),
    "alpha_search": Method("skl2 AlphaSearchCV", alpha_search, ours=True),
    "linear": Method("linear, CV", linear),
    "peer": Method("sklearn MLP", peer_default),
    "peer_stopped": Method("sklearn MLP, early stopping", peer_stopped),
    "peer_grid": Method("sklearn MLP, GridSearchCV", peer_grid),
    "hgb": Method("HistGradientBoosting", boosting),
    "hgb_grid": Method("HistGradientBoosting, tuned", boosting_grid),
    "realmlp": Method("RealMLP", realmlp, ("pytabkit", "torch"), 60.0),
    "tabm": Method("TabM", tabm, ("pytabkit", "torch"), 60.0),
}
