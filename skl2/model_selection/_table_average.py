"""Fitted pipelines of one table, averaged to one pipeline with one plain network."""

from copy import copy

import numpy as np
from sklearn.pipeline import Pipeline

from skl2._engine.network.average import average, embed, lift, pieces, split


def average_pipelines(pipelines, n_networks):
    """One pipeline that predicts the mean of the raw predictions of several.

    Parameters
    ----------
    pipelines : list of Pipeline
        Two steps, an encoder of the columns and a network with relu, fitted on the same
        rows. The encoders differ in the ramps that they add: the widest has the columns
        of all.
    n_networks : list of int
        Weights in the mean: the networks that each of them is an average of.

    Returns
    -------
    pipeline : Pipeline
        Its network has weights of float64, and the parameters of the deepest.
    """
    widest = max(pipelines, key=lambda pipeline: pipeline[-1].n_features_in_)
    names = widest[0].get_feature_names_out()
    columns = {name: number for number, name in enumerate(names)}
    n_hidden = max(len(pipeline[-1].coefs_) for pipeline in pipelines) - 1
    width = _narrowest_block(pipelines)
    networks = []
    weights = []
    for pipeline, n in zip(pipelines, n_networks, strict=True):
        place = [columns[name] for name in pipeline[0].get_feature_names_out()]
        for coefs, intercepts in _parts(pipeline[-1], n_hidden, width):
            coefs, intercepts = embed(coefs, intercepts, place, len(columns))
            networks.append(lift(coefs, intercepts, n_hidden))
            weights.append(n / sum(n_networks))
    coefs, intercepts = average(networks, weights)
    deepest = max(pipelines, key=lambda pipeline: len(pipeline[-1].coefs_))
    averaged = Pipeline([*widest.steps[:-1], deepest.steps[-1]])
    return _with_network(averaged, coefs, intercepts)


def _narrowest_block(pipelines):
    """Width of the narrowest layer that reads a hidden layer of its own network."""
    widths = [
        part[1][1].shape[0]
        for pipeline in pipelines
        if len(pipeline[-1].coefs_) > 2
        for part in split(pipeline[-1].coefs_, pipeline[-1].intercepts_)
    ]
    return min(widths, default=None)


def _parts(network, n_hidden, width):
    """The networks that sum up to a fitted one, narrow where layers are added."""
    if len(network.coefs_) == 2 and n_hidden > 1:
        return pieces(network.coefs_, network.intercepts_, width)
    return split(network.coefs_, network.intercepts_)


def in_units(pipeline, mean, scale):
    """The pipeline of standardized targets as one that predicts in their units.

    Parameters
    ----------
    pipeline : Pipeline
        Its last step is a regressor with the identity link.
    mean, scale : float or ndarray of shape (n_outputs,)
        The targets are mean + scale · the predictions of `pipeline`.
    """
    *hidden, output = pipeline[-1].coefs_
    *biases, bias = pipeline[-1].intercepts_
    return _with_network(
        pipeline, [*hidden, output * scale], [*biases, bias * scale + mean]
    )


def _with_network(pipeline, coefs, intercepts):
    """The pipeline with other weights, of float64: targets may be far from zero."""
    network = copy(pipeline[-1])
    network.coefs_ = [W.astype(np.float64, copy=False) for W in coefs]
    network.intercepts_ = [b.astype(np.float64, copy=False) for b in intercepts]
    network.hidden_layer_sizes = tuple(W.shape[1] for W in coefs[:-1])
    network.n_layers_ = len(coefs) + 1
    network.n_features_in_ = coefs[0].shape[0]
    steps = [(name, step) for name, step in pipeline.steps[:-1]]
    return Pipeline([*steps, (pipeline.steps[-1][0], network)])
