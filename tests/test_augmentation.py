"""Augmentation: none is the identity, fresh noise each time, clear errors."""

import pickle

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skl2 import MLPClassifier, MLPRegressor
from skl2.augmentation import (
    Compose,
    FeatureMask,
    GaussianNoise,
    HorizontalFlip,
    ImageShift,
    Mixup,
)

RNG = np.random.RandomState(0)
X = RNG.standard_normal((48, 6))
Y = {MLPClassifier: np.arange(48) % 3, MLPRegressor: X[:, 0] - X[:, 1]}
both = pytest.mark.parametrize("Estimator", list(Y))
SHAPE = (2, 3)

# A transform, and one of the same kind that changes nothing.
TRANSFORMS = {
    "noise": (GaussianNoise(0.5), GaussianNoise(0.0)),
    "zero": (FeatureMask(0.5), FeatureMask(0.0)),
    "swap": (FeatureMask(0.5, "swap"), FeatureMask(0.0, "swap")),
    "shift": (ImageShift(SHAPE, 1), ImageShift(SHAPE, 0)),
    "flip": (HorizontalFlip(SHAPE), HorizontalFlip(SHAPE, 0.0)),
    "compose": (
        Compose([HorizontalFlip(SHAPE), GaussianNoise(0.1)]),
        Compose([GaussianNoise(0.0), FeatureMask(0.0)]),
    ),
}
every = pytest.mark.parametrize("name", TRANSFORMS)


def identity(X, y, random_state):
    return X, y


def train(Estimator, augmentation, data=X, **params):
    params = {"batch_size": 10, "max_iter": 3, "random_state": 0} | params
    model = Estimator(hidden_layer_sizes=5, augmentation=augmentation, **params)
    return fit_quietly(model, data, Y[Estimator])


@both
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("transform", [identity, *(t[1] for t in TRANSFORMS.values())])
def test_the_identity_is_none_bit_for_bit(transform, order, Estimator):
    data = np.asarray(X, order=order)
    model, plain = (train(Estimator, t, data) for t in (transform, None))
    assert_array_equal(model.coefs_[0], plain.coefs_[0])
    assert model.loss_curve_ == plain.loss_curve_


@both
@every
def test_a_seeded_fit_is_reproducible_and_not_the_plain_one(name, Estimator):
    transform = TRANSFORMS[name][0]
    data = X.copy()
    first, again = (train(Estimator, transform, data) for _ in range(2))
    other = train(Estimator, transform, data, random_state=1)
    assert_array_equal(first.coefs_[0], again.coefs_[0])
    assert not np.array_equal(first.coefs_[0], other.coefs_[0])
    assert not np.array_equal(first.coefs_[0], train(Estimator, None).coefs_[0])
    assert_array_equal(data, X)


def calls(transform, n=2, dtype=np.float64):
    rng = np.random.default_rng(0)
    y = np.eye(3)[np.arange(48) % 3].astype(dtype)
    return [transform(X.astype(dtype), y, rng) for _ in range(n)], y


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_is_fresh_and_keeps_shape_and_type(name, dtype):
    ((first, y_first), (second, _)), y = calls(TRANSFORMS[name][0], dtype=dtype)
    assert first.shape == X.shape and first.dtype == y_first.dtype == dtype
    assert not np.array_equal(first, second)
    assert_array_equal(y_first, y)


def test_gaussian_noise_has_its_scale():
    ((new, _), *_), _ = calls(GaussianNoise(0.5))
    assert abs((new - X).std() / 0.5 - 1) < 0.15


def test_feature_mask_hides_its_share():
    results, _ = calls(FeatureMask(0.25), n=50)
    assert abs(np.mean([(new == 0).mean() for new, _ in results]) - 0.25) < 0.02
    for new, _ in results:
        assert_array_equal(new[new != 0], X[new != 0])


def test_swap_takes_values_of_the_same_feature():
    ((new, _), *_), _ = calls(FeatureMask(0.5, "swap"))
    assert (new != X).any()
    for j in range(X.shape[1]):
        assert np.isin(new[:, j], X[:, j]).all()


def test_mixup_mixes_targets_as_it_mixes_rows():
    linear = X @ RNG.standard_normal((6, 2))
    new_X, new_y = Mixup(1.0)(X, linear, np.random.default_rng(0))
    assert_allclose(new_X @ np.linalg.lstsq(X, linear, rcond=None)[0], new_y)
    ((_, soft), *_), _ = calls(Mixup(1.0))
    assert_allclose(soft.sum(axis=1), 1.0)
    assert ((soft > 0) & (soft < 1)).any()


@both
@pytest.mark.parametrize("sparse", [False, True])
def test_mixup_trains_on_soft_targets(sparse, Estimator):
    data = csr_matrix(X * (X > 0)) if sparse else X
    model = train(Estimator, Mixup(1.0), data, max_iter=20)
    assert np.isfinite(model.loss_curve_).all()


def test_image_shift_moves_images():
    images = np.arange(1, 13.0).reshape(1, 12)
    transform, seen = ImageShift((3, 4), 1), set()
    for seed in range(60):
        new, _ = transform(images, images, np.random.default_rng(seed))
        seen.add(tuple(new[0]))
    padded = np.zeros((5, 6))
    padded[1:4, 1:5] = images.reshape(3, 4)
    expected = {
        tuple(padded[i : i + 3, j : j + 4].ravel()) for i in range(3) for j in range(3)
    }
    assert seen == expected


@pytest.mark.parametrize("channels", [(), (2,)])
def test_horizontal_flip_mirrors_rows_of_pixels(channels):
    shape = (3, 4, *channels)
    images = RNG.standard_normal((20, int(np.prod(shape))))
    new, _ = HorizontalFlip(shape)(images, images, np.random.default_rng(0))
    mirrored = images.reshape(20, *shape)[:, :, ::-1].reshape(20, -1)
    flipped = (new == mirrored).all(axis=1)
    assert 3 < flipped.sum() < 17
    assert_array_equal(new[~flipped], images[~flipped])


def test_shift_of_channels():
    images = RNG.standard_normal((5, 24))
    new, _ = ImageShift((3, 4, 2), 1)(images, images, np.random.default_rng(0))
    for c in range(2):
        alone, _ = ImageShift((3, 4), 1)(
            np.ascontiguousarray(images[:, c::2]), images, np.random.default_rng(0)
        )
        assert_array_equal(new[:, c::2], alone)


def test_noise_on_a_linear_model_is_l2():
    # Bishop 1995: λ = m scale²; many epochs average the noise.
    scale = 0.5
    model = MLPRegressor(
        hidden_layer_sizes=(),
        augmentation=GaussianNoise(scale),
        penalty=None,
        learning_rate="cosine",
        learning_rate_init=0.02,
        max_iter=3000,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    fit_quietly(model, X, Y[MLPRegressor])
    ridge = Ridge(alpha=len(X) * scale**2).fit(X, Y[MLPRegressor])
    assert_allclose(model.coefs_[0][:, 0], ridge.coef_, atol=0.03)


# ------------------------------------------------------------- scikit-learn's ways


@every
def test_clone_and_pickle(name):
    model = MLPClassifier(augmentation=TRANSFORMS[name][0])
    for copy in (clone(model), pickle.loads(pickle.dumps(model))):
        assert copy.augmentation is not model.augmentation
        assert repr(copy.augmentation) == repr(model.augmentation)


def test_nested_search():
    search = GridSearchCV(
        MLPClassifier(5, augmentation=GaussianNoise(), max_iter=3, random_state=0),
        {"augmentation__scale": [0.0, 5.0]},
        cv=2,
    )
    fit_quietly(search, X, Y[MLPClassifier])
    scale = search.best_params_["augmentation__scale"]
    assert search.best_estimator_.augmentation.scale == scale


# ------------------------------------------------------------- errors


def wrong_shape(X, y, random_state):
    return X[:-1], y


def wrong_type(X, y, random_state):
    return X, y.astype(np.float32)


def no_array(X, y, random_state):
    return X.tolist(), y


def nothing(X, y, random_state):
    return None


def in_place(X, y, random_state):
    X += 1
    return X, y


@both
@pytest.mark.parametrize(
    "transform, message",
    [
        (wrong_shape, "wrong_shape returned X of shape"),
        (wrong_type, "wrong_type returned y of shape .* dtype float32, expected"),
        (no_array, "no_array returned X as list, expected ndarray"),
        (nothing, r"nothing must return \(X, y\)"),
        (in_place, "read-only"),
        (GaussianNoise(-1.0), "'scale' parameter of GaussianNoise"),
        (FeatureMask(1.5), "'rate' parameter of FeatureMask"),
        (FeatureMask(0.5, "nan"), "'mode' parameter of FeatureMask"),
        (Mixup(0.0), "'alpha' parameter of Mixup"),
        (ImageShift((2, 2)), r"'image_shape' parameter of ImageShift .*features, 6"),
        (ImageShift(SHAPE, 0.5), "'max_shift' parameter of ImageShift"),
        (HorizontalFlip(SHAPE, -1), "'rate' parameter of HorizontalFlip"),
    ],
)
def test_errors_name_the_transform(transform, message, Estimator):
    with pytest.raises(ValueError, match=message):
        train(Estimator, transform)


@both
def test_dense_transforms_refuse_sparse_rows(Estimator):
    with pytest.raises(ValueError, match="GaussianNoise needs a dense X"):
        train(Estimator, GaussianNoise(), csr_matrix(X))


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0])
def test_in_mixup_each_row_is_the_larger_part_of_itself(alpha):
    y = np.eye(50)
    X, mixed = Mixup(alpha)(y.copy(), y, np.random.RandomState(0))
    assert_allclose(X, mixed)
    assert (np.diag(mixed) >= 0.5).all()
    assert_allclose(mixed.sum(axis=1), 1.0)
