"""skl2.MLPClassifier."""

import numpy as np

from skl2 import MLPClassifier


def estimator(problem):
    return MLPClassifier(
        problem.hidden,
        solver=problem.solver,
        alpha=problem.alpha,
        batch_size=problem.batch_size,
        learning_rate_init=problem.learning_rate,
        max_iter=problem.n_epochs,
        n_iter_no_change=np.inf,
        tol=0.0,
        random_state=problem.seed,
    )


def prepare(problem):
    def fit():
        model = estimator(problem).fit(problem.X, problem.y)
        return model.coefs_, model.intercepts_, model.n_iter_

    return fit
