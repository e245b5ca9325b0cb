"""The parts of an estimator to which a search attaches its shared fits."""

from searches import ALPHAS, Classifier, scaled
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skl2.model_selection import StackedGridSearchCV
from skl2.model_selection._parts import attach, detach, own_networks, own_parts
from skl2.model_selection._shared_fits import SharedFits


def test_networks_are_known_by_their_paths():
    assert list(own_networks(Classifier())) == [""]
    assert list(own_networks(scaled())) == ["mlp"]


def test_a_search_inside_keeps_its_own_network():
    inner = StackedGridSearchCV(Classifier(), {"alpha": ALPHAS})
    outer = make_pipeline(inner, Classifier())
    assert list(own_networks(outer)) == ["mlpclassifier"]
    assert "stackedgridsearchcv" in dict(own_parts(outer))


def test_attached_and_detached():
    estimator = scaled()
    fits = SharedFits(n_jobs=1)
    assert attach(fits, estimator)
    assert estimator["mlp"]._location.path == "mlp"
    assert estimator.memory is fits.memory
    # A piece of a search brings shared fits of its own.
    other = SharedFits(n_jobs=1)
    assert attach(other, estimator)
    assert estimator["mlp"]._location.shared_fits is other
    assert estimator.memory is other.memory
    detach(other, estimator)
    assert estimator["mlp"]._location is None
    assert estimator.memory is None
    fits.close()
    other.close()


def test_without_a_network_nothing_is_found():
    fits = SharedFits(n_jobs=1)
    assert not attach(fits, LogisticRegression())
    fits.close()
