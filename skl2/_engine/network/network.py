"""The parameters of a stack of networks as one matrix, and the chain of its layers."""

from functools import cached_property
from math import prod, sqrt

import numpy as np

from skl2._engine.network.batch_norm import BatchNorm, Share
from skl2._engine.network.dropout import NoDropout
from skl2._engine.network.layers import ACTIVATIONS, Dense


class Slot:
    """Where one parameter array of shape `shape` lies in a row of theta."""

    def __init__(self, start, shape, penalized):
        self.shape = shape
        self.penalized = penalized
        self.columns = slice(start, start + prod(shape))

    def view(self, theta):
        """This parameter for every member: a view of shape (K, *shape)."""
        return theta[:, self.columns].reshape(len(theta), *self.shape)


class Layout:
    """Where each parameter lies in theta of shape (K, P), and which are penalized.

    Attributes
    ----------
    slots : list of Slot
    weights : list of slice
        The columns of the penalized arrays, one slice per weight layer. Penalties act
        on these columns alone, which never hold biases.
    weight_shapes : list of (n_in, n_out)
        Shapes of the penalized arrays.
    """

    def __init__(self):
        self.slots = []
        self.n_parameters = 0

    def add(self, shape, penalized):
        slot = Slot(self.n_parameters, shape, penalized)
        self.slots.append(slot)
        self.n_parameters = slot.columns.stop
        return slot

    @property
    def weights(self):
        return [slot.columns for slot in self.slots if slot.penalized]

    @property
    def weight_shapes(self):
        return [slot.shape for slot in self.slots if slot.penalized]


class LossWorkspace:
    """The arrays a loss writes to, for raw predictions of one shape."""

    def __init__(self, raw, ones=None):
        K, _, n_rows = raw.shape
        self.scratch = np.empty_like(raw)
        self.spare = np.empty_like(raw)
        self.pointwise = np.empty((K, 1, n_rows), raw.dtype)
        self.ones = np.ones((n_rows, 1), raw.dtype) if ones is None else ones


class Workspace:
    """The arrays a pass over `n_rows` rows writes to, made once and used again.

    A prediction does not read what is for gradients or for batch norm: it is made where
    it is first asked for.

    Attributes
    ----------
    inputs : list of ndarray
        What each layer has read in the last forward pass.
    z, a : list of ndarray
        Pre-activation and activation of each layer; one array for both where nothing
        reads z. The output layer has no activation: a = z.
    d : list of ndarray
        The gradient by the input of each layer but the first.
    """

    def __init__(self, network, K, n_rows):
        dtype = network.dtype
        widths = network.layer_sizes[1:]
        activation = network.activation
        self._n_rows = n_rows
        self._dtype = dtype

        def empty(n_units):
            return np.empty((K, n_units, n_rows), dtype)

        self.inputs: list = [None] * len(widths)
        self.a = [empty(n) for n in widths]
        # z is kept where the derivative needs it.
        keep = network.keeps_z or activation.needs_input
        self.z = [empty(n) for n in widths[:-1]] if keep else list(self.a[:-1])
        self.z.append(self.a[-1])
        scratch = np.empty(K * max(widths) * n_rows, activation.scratch_dtype or dtype)
        self.scratch = [
            scratch[: K * n * n_rows].reshape(K, n, n_rows) for n in widths[:-1]
        ]

    @cached_property
    def d(self):
        return [np.empty_like(a) for a in self.a[:-1]]

    @cached_property
    def ones(self):
        return np.ones((self._n_rows, 1), self._dtype)

    @cached_property
    def loss(self):
        return LossWorkspace(self.a[-1], self.ones)

    @cached_property
    def equal_shares(self):
        return Share(None, self._n_rows, self._dtype)


class Network:
    """A stack of K multi-layer perceptrons of one shape.

    A fitted network is its dense layers and activations alone. In training each hidden
    layer may have batch norm, and the input and each hidden layer may have dropout.

    Parameters
    ----------
    layer_sizes : sequence of int
        Units of the input layer, of each hidden layer and of the output layer.
    activation : str
        Activation of the hidden layers, a key of ``ACTIVATIONS``.
    dtype : numpy dtype
        float32 or float64; every array of the network has it.
    batch_norm : bool
        Whether the hidden layers are ``BatchNorm`` layers. The γ come last in theta:
        what is before them are the parameters of a network without batch norm.
    drops : list of Dropout or NoDropout, or None
        For the input and each hidden layer, see ``make_dropout``; None for no dropout.
    keeps_z : bool
        Whether a forward pass leaves z beside a, for ``layer_values``.
    first_layer : type or None
        Class of the first layer, if it is another one than that of the others.
    """

    def __init__(
        self,
        layer_sizes,
        activation,
        dtype,
        batch_norm=False,
        drops=None,
        keeps_z=False,
        first_layer=None,
    ):
        self.layer_sizes = list(layer_sizes)
        self.activation_name = activation
        self.activation = ACTIVATIONS[activation]()
        self.dtype = np.dtype(dtype)
        self.keeps_z = keeps_z
        # Units of the widest layer; chunks of rows are the smaller, the wider it is.
        self.widest = max(self.layer_sizes[1:])
        sizes = list(zip(layer_sizes, layer_sizes[1:], strict=False))
        kinds = [BatchNorm if batch_norm else Dense] * len(sizes)
        kinds[-1] = Dense
        kinds[0] = first_layer or kinds[0]
        self.layers = [kind(*own) for kind, own in zip(kinds, sizes, strict=True)]
        self.norms = [layer for layer in self.layers if isinstance(layer, BatchNorm)]
        self.layout = Layout()
        for layer in self.layers:
            layer.declare(self.layout)
        for norm in self.norms:
            norm.declare_scale(self.layout)
        self.drops = drops or [NoDropout()] * len(self.layers)
        self._hidden = list(zip(self.layers, self.drops[1:], strict=False))
        self._workspaces = {}
        self.n_members = 0

    def fitted(self):
        """A network of the same shape without batch norm and dropout, not bound yet."""
        return Network(self.layer_sizes, self.activation_name, self.dtype)

    def initial_theta(self, random_state):
        """Draw the weights of one network, in the order scikit-learn's MLP draws them.

        W and b are uniform on ±sqrt(6 / (n_in + n_out)), ±sqrt(2 / ...) for 'logistic'
        (Glorot & Bengio, 2010). With batch norm γ = 1 and β = 0. Shape (P,).
        """
        factor = 2.0 if self.activation_name == "logistic" else 6.0
        theta = np.empty((1, self.layout.n_parameters), self.dtype)
        for layer in self.layers:
            bound = sqrt(factor / (layer.n_in + layer.n_out))
            for slot in layer.slots:
                slot.view(theta)[...] = random_state.uniform(-bound, bound, slot.shape)
        for norm in self.norms:
            _, shift = norm.slots
            norm.scale.view(theta)[...] = 1.0
            shift.view(theta)[...] = 0.0
        return theta[0]

    def pack(self, coefs, intercepts):
        """One row of theta from lists of weight matrices and bias vectors."""
        arrays = [a for pair in zip(coefs, intercepts, strict=True) for a in pair]
        return np.concatenate([np.ravel(a).astype(self.dtype) for a in arrays])

    def unpack(self, theta):
        """Weight matrices and bias vectors, as views of one row of theta."""
        views = [slot.view(theta[np.newaxis])[0] for slot in self.layout.slots]
        return views[0::2], [b.ravel() for b in views[1::2]]

    def bind(self, theta, grad=None):
        """Let the layers see `theta` and write to `grad`, both of shape (K, P).

        Without `grad` the network can do forward passes alone.
        """
        self.theta = theta
        for layer in self.layers:
            layer.bind(theta, grad)
        if len(theta) != self.n_members:
            self._workspaces.clear()
        self.n_members = len(theta)

    def select(self, keep):
        for part in (*self.norms, *self.drops):
            part.select(keep)

    def bind_fitted(self, coefs, intercepts):
        """Let the layers see the weights of one fitted network, dense or sparse."""
        for layer, W, b in zip(self.layers, coefs, intercepts, strict=True):
            W = W[np.newaxis] if isinstance(W, np.ndarray) else W
            layer.use(W, b[np.newaxis, :, np.newaxis])
        self.n_members = 1

    def largest_product(self, x_is_sparse):
        """(n_in, n_out) of the largest product of BLAS in a forward pass of one row."""
        layers = self.layers[1:] if x_is_sparse else self.layers
        return max((layer.product_shape for layer in layers), key=prod, default=(0, 0))

    def set_running(self, statistics):
        """Start the running statistics of batch norm at these.

        Parameters
        ----------
        statistics : ndarray of shape (K, 2, n_hidden_units)
        """
        bounds = np.cumsum(self.layer_sizes[1:-2])
        parts = np.split(statistics.astype(self.dtype), bounds, axis=2)
        for norm, part in zip(self.norms, parts, strict=True):
            norm.running = tuple(part[..., np.newaxis].swapaxes(0, 1))

    def workspace(self, n_rows):
        """The buffers for batches of `n_rows` rows.

        Balanced batches have two sizes at most; so have the chunks of a full pass.
        """
        found = self._workspaces.get(n_rows)
        if found is None:
            if len(self._workspaces) >= 6:
                self._workspaces.clear()
            found = Workspace(self, self.n_members, n_rows)
            self._workspaces[n_rows] = found
        return found

    def forward(self, x, n_rows, weight=None, last=-1):
        """Raw predictions of a batch, shape (K, n_outputs, n_rows).

        They lie in a buffer that the next pass overwrites.

        Parameters
        ----------
        x : ndarray or sparse matrix
            See ``Dense.forward``.
        n_rows : int
        weight : ndarray of shape (n_rows,) or (K, n_rows), or None
            Of the rows, for the statistics of batch norm.
        last : int
            The layer whose z is wanted, the output layer for -1.
        """
        ws = self.workspace(n_rows)
        if self.norms:
            share = ws.equal_shares
            if weight is not None:
                share = Share(weight, n_rows, self.dtype)
            for norm in self.norms:
                norm.share = share
        x = self.drops[0].forward(x)
        for i, (layer, drop) in enumerate(self._hidden):
            if i == last:
                break
            ws.inputs[i] = x
            layer.forward(x, ws.z[i])
            self.activation.forward(ws.z[i], ws.a[i], ws.scratch[i])
            x = drop.forward(ws.a[i])
        ws.inputs[last] = x
        self.layers[last].forward(x, ws.z[last])
        return ws.z[last]

    def layer_values(self, n_rows):
        """(z, a) of every layer, as the last pass over `n_rows` rows has left them.

        For networks that keep z. The output layer has a = z.
        """
        ws = self.workspace(n_rows)
        return list(zip(ws.z, ws.a, strict=True))

    def backward(self, d_raw, n_rows):
        """Fill the bound gradient, given the gradient by the raw predictions.

        Reads what the last ``forward`` of `n_rows` rows has left in the buffers.
        """
        ws = self.workspace(n_rows)
        d = d_raw
        for i in range(len(self.layers) - 1, 0, -1):
            d_in = ws.d[i - 1]
            self.layers[i].backward(ws.inputs[i], d, ws.ones, d_in)
            self.drops[i].backward(d_in)
            self.activation.backward(ws.z[i - 1], ws.a[i - 1], d_in, ws.scratch[i - 1])
            d = d_in
        self.layers[0].backward(ws.inputs[0], d, ws.ones)
