"""What the table estimators try, by the size of the table, and what they choose of it.

Measured on 34 tasks of fewer than 1,500 rows, of 20 tables, and 8 tables of 4,000 rows.
The figures in the comments are ratios of test losses; ``benchmarks/tables.py`` shows
what comes out.
"""

from dataclasses import dataclass
from math import ceil, inf, sqrt

import numpy as np

from skl2._estimators.parameters import check_hidden_layer_sizes
from skl2.model_selection._splits import HOLDOUT_ROWS, N_FOLDS

# Columns with ramps, above which there are none.
MANY_COLUMNS = 100
# Columns with ramps, above which few rows get 8 a column: the same loss (sonar, 60
# columns) for two thirds of the time.
SOME_COLUMNS = 40
# Rows from which three of the five folds are enough for the search. For the one
# question whether to train longer they always are.
FEWER_FOLDS_ROWS = 500
FEWER_FOLDS = 3
# Share of the rows from which one fold of several is enough for a look.
LEAST_FOLD = 0.05
# λs of the longer training, as shares of the one chosen before: what is trained longer
# may need less of a penalty.
LONGER_ALPHAS = (0.1, 0.1**0.5, 1.0)
# Share of the loss that a longer training has to gain on rows held out. Where it helps
# it gains more: .82 of the loss of airfoil and friedman1, .77 of kin40k, .92 of
# california. Where it does not, it loses: 1.39 of wine, 1.17 of breast_cancer.
LEAST_GAIN = 0.03
# Candidates that share the networks of the average, at most. Many rows: one 1.06, two
# 1, three 1.01; few rows: one 1.012, two 1.
MOST_AVERAGED = 2
# Rows above which the search takes that many of them, drawn at random. The networks of
# the best candidates are then trained on all rows, piece by piece: with 16 ramps a
# column the encoded rows would take 17 times the memory of X.
SEARCH_ROWS = 20_000
# Epochs of the final networks on SEARCH_ROWS rows. They fall with the root of the rows
# above, to two at least: 300,000 rows reach the loss of 20 epochs in 6 (.379 and .378).
FINAL_EPOCHS = 30
# How a linear model is trained: to the end, in less time than a network. Adam's steps
# leave it far from there (iris: a log-loss of .29 instead of .04).
LINEAR = {"solver": "lbfgs", "max_iter": 1000}
# Steps of Adam that few rows get at least: an epoch of 100 rows has two. 200 cost a
# quarter more time for the same losses, as the final networks may be trained longer.
FEW_STEPS = 120


@dataclass(frozen=True)
class Plan:
    """Candidates, from the simplest, the schedule of their networks, and the choice.

    Attributes
    ----------
    candidates : list of (n_bins, hidden_layer_sizes)
        n_bins is None where no column can have ramps.
    linear : dict
        Parameters of the candidates without a hidden layer.
    n_epochs : int
    batch_size : int
    learning_rate : float
        At the start of the cosine.
    n_networks : int
        Networks of the average, where the user has not said.
    close : float
        How much worse than the best their scores may be, as a share of it.
    slack : float
        Of each candidate the smallest λ is taken whose score is worse by no more than
        this share: an average varies less than the single networks of the folds, and
        needs less of a penalty.
    n_refine : int
        Candidates whose λ is walked after a look at all of them. Of several folds the
        look is at the first one alone.
    n_folds : int
        Of five folds those that are used; a holdout is one.
    stretch : int
        How many times as long the best candidate is trained once more, to see whether
        the final networks should be; 1 to leave that out.
    final_epochs : int
        Of the final networks, where they take all rows piece by piece.
    """

    candidates: list
    linear: dict
    n_epochs: int
    batch_size: int
    learning_rate: float
    n_networks: int
    close: float
    slack: float
    n_refine: int
    n_folds: int
    stretch: int
    final_epochs: int

    def param_grid(self, n_bins, network):
        """The candidates as a grid, given the names of their parameters.

        Parameters
        ----------
        n_bins : str
            Name of the encoder's parameter.
        network : str
            What the names of the network's parameters begin with.
        """
        grid = []
        for bins, hidden in self.candidates:
            entry = {} if hidden else self.linear
            entry = {"hidden_layer_sizes": hidden, **entry}
            entry = {f"{network}{name}": [value] for name, value in entry.items()}
            if bins is not None:
                entry[n_bins] = [bins]
            grid.append(entry)
        return grid


def make_plan(n_rows, n_columns, n_ramped, n_bins="auto", hidden="auto", smooth=True):
    """The plan for a table.

    Parameters
    ----------
    n_rows : int
    n_columns : int
    n_ramped : int
        Numeric columns that can have ramps.
    n_bins : 'auto' or int
    hidden : 'auto' or array-like of int
        Hidden layers, if the user has chosen them.
    smooth : bool, default=True
        Whether the loss has a gradient everywhere.
    """
    wide = n_columns > 2 * n_rows
    candidates = _candidates(n_rows, wide, n_ramped, hidden)
    if n_ramped == 0:
        candidates = [(None, layers) for _, layers in candidates]
    elif not isinstance(n_bins, str):
        candidates = [(int(n_bins), layers) for _, layers in candidates]
    # What differs in ramps alone may now be the same.
    candidates = list(dict.fromkeys(candidates))
    many = n_rows > SEARCH_ROWS
    # Pieces of many rows are learnt by steps. Of more columns than rows a few steps are
    # the better model (leukemia: .27 instead of .37).
    linear = LINEAR if smooth and not (many or wide) else {}
    if n_rows < HOLDOUT_ROWS:
        # A fold has fewer rows than there are.
        batch_size = min(64, ceil(n_rows / 2))
        return Plan(
            candidates,
            linear,
            n_epochs=max(30, ceil(FEW_STEPS / ceil(n_rows / batch_size))),
            batch_size=batch_size,
            learning_rate=0.03,
            n_networks=8,
            # Always two 1, up to two within 5 % .995; with the slack .990.
            close=0.05,
            slack=0.01,
            # Of a row of λs on all folds two are as good, for twice the time; three
            # 1.001, for a quarter more.
            n_refine=2,
            # Three of five folds cost 1 to 2 % of loss with less than 500 rows.
            n_folds=N_FOLDS if n_rows < FEWER_FOLDS_ROWS else FEWER_FOLDS,
            # Of more columns than rows a linear model takes in all there is.
            stretch=1 if wide else 4,
            final_epochs=0,
        )
    return Plan(
        candidates,
        linear,
        n_epochs=20 if many else 40,
        batch_size=int(np.clip(n_rows // 20, 64, 200)),
        learning_rate=0.02,
        n_networks=4,
        close=inf,
        slack=0.0,
        n_refine=2,
        n_folds=1,
        # Rows take the place of epochs.
        stretch=1 if many else 2,
        final_epochs=max(2, round(FINAL_EPOCHS * sqrt(SEARCH_ROWS / n_rows))),
    )


def _candidates(n_rows, wide, n_ramped, hidden):
    """(n_bins, hidden layers) of each candidate, from the simplest."""
    bins = (0,) if n_ramped > MANY_COLUMNS else (0, 16)
    if not (isinstance(hidden, str) and hidden == "auto"):
        layers = tuple(check_hidden_layer_sizes(hidden))
        return [(b, layers) for b in bins]
    if wide:
        # Hidden layers did as well in the folds, and .59 to .76 against .27 on test
        # rows (leukemia).
        return [(0, ())]
    if n_rows >= HOLDOUT_ROWS:
        all_layers = [(100,), (100, 100), (300,)]
        if n_rows > SEARCH_ROWS:
            # On 200,000 rows the third had the loss of the first, for twice the time.
            return [(b, layers) for layers in all_layers[:2] for b in bins]
        return [(b, layers) for layers in ((), *all_layers) for b in bins]
    if SOME_COLUMNS < n_ramped <= MANY_COLUMNS:
        bins = (0, 8)
    return [(b, layers) for layers in ((), (50,), (50, 50)) for b in bins]


def choose(results, alpha_name, plan, n_networks):
    """The candidates to average, each at its λ, and how many networks of each.

    Parameters
    ----------
    results : dict
        ``cv_results_`` of the search.
    alpha_name : str
        The parameter that is λ.
    plan : Plan
    n_networks : int
        In all.

    Returns
    -------
    chosen : list of (params, n_networks), the best first
    """
    candidates = [
        _at_its_alpha(found, alpha_name, plan.slack)
        for found in _by_setting(results, alpha_name)
    ]
    candidates.sort(key=lambda found: -found[0])
    best = candidates[0][0]
    n_most = min(MOST_AVERAGED, n_networks)
    close = [p for score, p in candidates if score >= _worse(best, plan.close)][:n_most]
    shares = np.array_split(np.arange(n_networks), len(close))
    return [(params, len(part)) for params, part in zip(close, shares, strict=True)]


def best_settings(results, alpha_name, n_most):
    """The grid of the settings with the best scores, each at its best λ.

    Parameters
    ----------
    results : dict
        ``cv_results_`` of a search.
    alpha_name : str
        The parameter that is λ.
    n_most : int
        Number of settings, at most.

    Returns
    -------
    param_grid : list of dict
        In the order of `results`.
    """
    settings = _by_setting(results, alpha_name)
    scores = [max(score for score, _ in found) for found in settings]
    # Of equal scores the first one wins.
    best = np.argsort([-score for score in scores], kind="stable")[:n_most]
    return [
        {k: [v] for k, v in settings[i][0][1].items() if k != alpha_name}
        for i in sorted(best)
    ]


def _by_setting(results, alpha_name):
    """For each setting of the other parameters, [(score, parameters)] of its λs."""
    tried: dict = {}
    for params, score in zip(
        results["params"], results["mean_test_score"], strict=True
    ):
        if np.isfinite(score):
            others = {k: v for k, v in params.items() if k != alpha_name}
            tried.setdefault(repr(others), []).append((score, params))
    if not tried:
        raise ValueError(
            "All scores of the search are NaN: look at the warnings of its fits, and "
            "at what `scoring` returns."
        )
    return list(tried.values())


def _at_its_alpha(found, alpha_name, slack):
    """(best score, parameters) of one candidate, given what was tried of it."""
    best = max(score for score, _ in found)
    good = [params for score, params in found if score >= _worse(best, slack)]
    return best, min(good, key=lambda params: np.max(params[alpha_name]))


def _worse(score, share):
    return score - share * abs(score)
