"""scikit-learn's callback protocol (1.9 and newer); without it nothing is called."""

import numpy as np

from skl2._sklearn_compat import callback_context, with_callbacks


@with_callbacks
def fit_with_callbacks(estimator, X, y, sample_weight, n_epochs, train):
    """Call ``train(listeners)`` as a task of which the callbacks are told.

    Parameters
    ----------
    n_epochs : int
        Largest number of epochs; 0 where the epochs are those of a whole stack.
    """
    n_networks = estimator.n_estimators
    n_subtasks = n_epochs if n_networks == 1 or n_epochs == 0 else n_networks
    context = callback_context(estimator, n_subtasks)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    tasks = EpochTasks(context, estimator, X, y, sample_weight)
    train([tasks] if n_epochs else [])
    tasks.end()
    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes=dict
    )


class EpochTasks:
    """A listener that tells callbacks of each epoch, as a task.

    The epochs of an ensemble belong to tasks called 'network', one for each of them.
    The ``fitted_estimator`` that callbacks get is a copy that predicts as if the
    training of the network had stopped after the epoch; its ``epoch_metrics_`` is a
    dict of loss (J), penalty, validation_score and validation_loss (or None), and for
    each layer sparsity and weight_norm, ‖W_l‖_F.

    Parameters
    ----------
    context : CallbackContext
    estimator : MLPClassifier or MLPRegressor
    X, y : array-like
        As they were given to fit.
    sample_weight : array-like or None
    """

    def __init__(self, context, estimator, X, y, sample_weight):
        self.context = context
        self.estimator = estimator
        self.arguments = {"estimator": estimator, "X": X, "y": y}
        if sample_weight is not None:
            self.arguments["metadata"] = {"sample_weight": sample_weight}
        self.networks = []

    def start(self, settings, n_networks):
        """Take the Settings and the number of the networks about to be trained."""
        self.settings = settings
        self.networks = [self.context]
        if n_networks == 1:
            return
        self.networks = [
            self.context.subcontext(task_name="network", max_subtasks=settings.max_iter)
            for _ in range(n_networks)
        ]
        for network in self.networks:
            network.call_on_fit_task_begin(**self.arguments)

    def __call__(self, report):
        epoch = self.networks[report.member].subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**self.arguments)
        return epoch.call_on_fit_task_end(
            **self.arguments,
            reconstruction_attributes=lambda: self._reconstructed(report),
        )

    def end(self):
        """End the tasks of the networks of an ensemble."""
        for network in self.networks:
            if network is not self.context:
                network.call_on_fit_task_end(
                    **self.arguments, reconstruction_attributes=dict
                )

    def _reconstructed(self, report):
        attributes = self.estimator._after_epoch(self.settings, report)
        result = report.result
        validated = result.validation_scores is not None
        attributes["epoch_metrics_"] = {
            "epoch": result.n_iter,
            "loss": result.loss_curve[-1],
            "penalty": result.penalty_curve[-1],
            "validation_score": result.validation_scores[-1] if validated else None,
            "validation_loss": result.validation_loss_curve[-1] if validated else None,
            "sparsity": [float(np.mean(W == 0)) for W in attributes["coefs_"]],
            "weight_norm": [float(np.linalg.norm(W)) for W in attributes["coefs_"]],
        }
        return attributes
