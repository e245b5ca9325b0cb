"""A network in training with batch norm and dropout."""

import numpy as np

from skl2._engine.network.batch_norm import Affine, BatchNorm, Share
from skl2._engine.network.network import Network, Workspace


class RegularizedWorkspace(Workspace):
    """Also the arrays that batch norm and dropout write to."""

    def __init__(self, network, K, n_rows):
        super().__init__(network, K, n_rows)
        dtype = network.dtype
        self.norms = [norm.buffers(K, n_rows, dtype) for norm in network.norms]
        self.drops = [drop.buffers(n_rows, dtype) for drop in network.drops[1:]]
        # Inputs of each dense layer, as the last pass has seen them.
        self.inputs = [None] * len(network.layers)
        self.unweighted = Share(None, n_rows, dtype)


class RegularizedNetwork(Network):
    """A stack of networks with batch norm before, and dropout after the activations.

    ``forward`` is that of a plain network: right for prediction after dropout, and
    after batch norm for folded parameters only.

    Parameters
    ----------
    layer_sizes, activation, dtype
        See ``Network``.
    batch_norm : bool
        Whether each hidden layer has batch norm. The γ come last in theta, so that what
        is before them are the parameters of a plain network.
    drops : list of Dropout or NoDropout
        For the input and each hidden layer, see ``make_dropout``.
    """

    def __init__(self, layer_sizes, activation, dtype, batch_norm, drops):
        super().__init__(layer_sizes, activation, dtype)
        self.drops = drops
        self.batch_norm = batch_norm
        hidden = self.layers[:-1]
        self.norms: list
        if batch_norm:
            self.norms = [BatchNorm(dense, self.layout) for dense in hidden]
        else:
            self.norms = [Affine(dense) for dense in hidden]

    def initial_theta(self, random_state):
        """As for a plain network; with batch norm γ = 1 and β = 0. Shape (P,)."""
        theta = super().initial_theta(random_state)
        if self.batch_norm:
            for norm in self.norms:
                theta[norm.slot.columns] = 1.0
                theta[norm.dense.slots[1].columns] = 0.0
        return theta

    def set_running(self, statistics):
        """Let one-row batches begin with these statistics, (2, n_hidden_units)."""
        bounds = np.cumsum(self.layer_sizes[1:-2])
        parts = np.split(statistics.astype(self.dtype), bounds, axis=1)
        for norm, part in zip(self.norms, parts, strict=True):
            norm.running = tuple(part[:, np.newaxis, :, np.newaxis])

    def bind(self, theta, grad=None):
        super().bind(theta, grad)
        for norm in self.norms:
            norm.bind(theta, grad)

    def select(self, keep):
        for part in (*self.norms, *self.drops):
            part.select(keep)
        # Members that stay may share what they did not share before.
        self._workspaces.clear()

    def _make_workspace(self, n_rows):
        return RegularizedWorkspace(self, self.n_members, n_rows)

    def training_forward(self, x, n_rows, weight):
        ws = self.workspace(n_rows)
        ws.share = ws.unweighted
        if self.batch_norm and weight is not None:
            ws.share = Share(weight, n_rows, self.dtype)
        x = ws.inputs[0] = self.drops[0].forward_input(x)
        for i, (norm, drop) in enumerate(zip(self.norms, self.drops[1:], strict=True)):
            norm.forward(x, ws.z[i], ws.norms[i], ws.share)
            self.activation.forward(ws.z[i], ws.a[i], ws.scratch[i])
            x = ws.inputs[i + 1] = drop.forward(ws.a[i], ws.drops[i])
        self.layers[-1].forward(x, ws.a[-1])
        return ws.a[-1]

    def backward(self, x, d_raw, n_rows):
        """As for a plain network; its input is what ``training_forward`` has left."""
        ws = self.workspace(n_rows)
        d = ws.d[-1] if ws.d else None
        self.layers[-1].backward(ws.inputs[-1], d_raw, ws.ones, d)
        for i in range(len(self.norms) - 1, -1, -1):
            self.drops[i + 1].backward(d, ws.drops[i])
            self.activation.backward(ws.z[i], ws.a[i], d, ws.scratch[i])
            d_in = ws.d[i - 1] if i else None
            # The activations are not needed any more: their array is the scratch.
            self.norms[i].backward(
                ws.inputs[i], d, ws.a[i], ws.ones, ws.norms[i], ws.share, d_in
            )
            d = d_in


class DroppingNetwork(RegularizedNetwork):
    """Drops in prediction too, for Monte-Carlo dropout."""

    def forward(self, x, n_rows):
        return self.training_forward(x, n_rows, None)
