"""The same objectives as scikit-learn from the same starts."""

import numpy as np
import pytest
from conftest import planted

import thalweg

Theirs = pytest.importorskip("sklearn.decomposition").NMF

LOSSES = ["frobenius", "kullback-leibler", "itakura-saito"]


def problem(number):
    """One of sixty: X, its loss, a start, and how many iterations are compared."""
    rng = np.random.default_rng(number)
    m, n = rng.integers(8, 60, size=2)
    r = int(rng.integers(1, 8))
    loss = LOSSES[number % 3]
    # where the loss allows it, some of the entries are zero; scikit-learn clips them at 1e-7 for Itakura-Saito
    X = planted(m, n, r, noise=0.3, seed=number)
    if loss == "frobenius":
        X *= rng.random(X.shape) < 0.7
    start = dict(W=rng.gamma(1.0, size=(m, r)) + 0.1, H=rng.gamma(1.0, size=(r, n)) + 0.1)
    return X, loss, start, int(rng.integers(1, 40))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("number", range(60))
def test_multiplicative_updates_take_the_same_steps(number):
    X, loss, start, steps = problem(number)
    options = dict(n_components=start["H"].shape[0], init="custom", solver="mu", beta_loss=loss, max_iter=steps, tol=0.0)
    theirs = Theirs(**options)
    W = theirs.fit_transform(X, W=start["W"].copy(), H=start["H"].copy())
    ours = thalweg.NMF(**options).fit(X, **start)
    # the scale between the factors is each one's own; their product is not
    product, expected = ours.result_.U @ ours.components_, W @ theirs.components_
    np.testing.assert_allclose(product, expected, rtol=1e-10)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("number", range(0, 60, 3))
def test_a_stationary_point_of_theirs_is_one_of_ours(number):
    X, _, start, _ = problem(number)
    options = dict(n_components=start["H"].shape[0], init="custom", max_iter=2000)
    theirs = Theirs(tol=1e-14, **options)
    W = theirs.fit_transform(X, W=start["W"].copy(), H=start["H"].copy())
    ours = thalweg.NMF(tol=1e-9, **options).fit(X, W=W, H=theirs.components_)
    assert ours.objective_ == pytest.approx(0.5 * theirs.reconstruction_err_**2, rel=1e-6, abs=1e-9)
