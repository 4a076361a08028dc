"""Recovery, completion and robust PCA, with their proofs."""

import numpy as np
import pytest

import thalweg
from thalweg import problems


def low_rank(d1, d2, r, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(d1, r)) @ rng.normal(size=(r, d2))


def instances():
    rng = np.random.default_rng(1)
    X = low_rank(8, 7, 1)
    A = rng.normal(size=(45, 8, 7))
    yield problems.Sensing(A, np.einsum("pij,ij->p", A, X)), X, {}
    a, c = rng.normal(size=(45, 8)), rng.normal(size=(45, 7))
    yield problems.Bilinear(a, c, np.einsum("pi,ij,pj->p", a, X, c)), X, {}
    u = rng.normal(size=(6, 1))
    x = rng.normal(size=(20, 6))
    yield problems.Quadratic(x, np.einsum("pi,ij,pj->p", x, u @ u.T, x)), u @ u.T, {"positive": True}
    full = low_rank(20, 20, 1, seed=2)
    yield problems.Completion(np.where(rng.random((20, 20)) < 0.7, full, np.nan)), full, {}


@pytest.mark.parametrize("number", range(4))
def test_planted_matrices_are_recovered_and_proved(number):
    problem, X, options = list(instances())[number]
    found = thalweg.recover(problem, certify=True, **options)
    assert found.status == "converged" and found.rank == 1
    assert np.allclose(found.X, X, atol=1e-7 * np.abs(X).max())
    assert found.certified and 0 < found.margin <= 1 and "certified" in repr(found)
    again = thalweg.verify(problem, found.X, found.multiplier, found.rank, **options)
    assert again["certified"] and again["margin"] == found.margin
    # a proof of something else is none
    other = thalweg.verify(problem, found.X + 1e-3 * np.abs(X).max(), found.multiplier, found.rank, **options)
    assert not other["certified"] and other["why"]
    assert repr(problem).startswith(type(problem).__name__)


def test_too_few_measurements_are_not_called_solved():
    X = low_rank(10, 10, 3)
    A = np.random.default_rng(3).normal(size=(20, 10, 10))
    found = thalweg.recover(problems.Sensing(A, np.einsum("pij,ij->p", A, X)), certify=True)
    assert np.linalg.norm(found.X - X) > 0.1 * np.linalg.norm(X)
    contradictory = problems.Sensing(np.concatenate([A, A]), np.concatenate([np.ones(20), np.zeros(20)]))
    found = thalweg.recover(contradictory)
    assert found.status == "inconsistent" and found.contradiction.shape == (40,) and found.certified is None


def test_noisy_measurements_are_fitted_up_to_the_noise():
    problem, X, _ = next(instances())
    found = thalweg.recover(problem, noise=0.01, certify=True)
    assert found.status == "converged" and found.X.shape == X.shape
    assert np.linalg.norm(found.X - X) < 0.1 * np.linalg.norm(X)
    assert found.certificate["gap"] < 1e-6 or found.certified
    penalised = thalweg.recover(problem, penalty=0.01)
    assert penalised.status == "converged" and 0 < penalised.relative_residual < 0.1
    with pytest.raises(ValueError, match="noise and penalty"):
        thalweg.recover(problem, noise=0.1, penalty=0.1)


def test_a_recovered_matrix_keeps_its_labels():
    pandas = pytest.importorskip("pandas")
    full = low_rank(8, 6, 1)
    frame = pandas.DataFrame(np.where(np.random.default_rng(0).random((8, 6)) < 0.8, full, np.nan), index=list("abcdefgh"))
    found = thalweg.recover(problems.Completion(frame))
    assert list(found.to_frame().index) == list("abcdefgh") and np.array_equal(found.to_frame().to_numpy(), found.X)
    assert found.plot().get_title().startswith(found.status)


def test_bad_problems_are_refused():
    with pytest.raises(ValueError, match="expected"):
        problems.Sensing(np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="expected"):
        thalweg.recover(problems.Bilinear(np.ones((3, 2)), np.ones((3, 2)), np.ones(3)), objective="rank")
    with pytest.raises(ValueError, match="not symmetric"):
        thalweg.recover(problems.Bilinear(np.ones((3, 2)), np.ones((3, 2)), np.ones(3)), positive=True)


def test_ratings_are_completed():
    rng = np.random.default_rng(4)
    X = low_rank(60, 40, 2) + 3.0
    holes = np.where(rng.random(X.shape) < 0.5, X, np.nan)
    model = thalweg.MatrixCompletion(3, l2=1e-4).fit(holes)
    unseen = np.isnan(holes)
    rows, cols = np.nonzero(unseen)
    assert np.sqrt(np.mean((model.entries(rows, cols) - X[unseen]) ** 2)) < 0.1 * X.std()
    assert np.allclose(model.completed()[rows, cols], model.entries(rows, cols))
    import scipy.sparse as sp

    triplets = sp.coo_array((holes[~unseen], np.nonzero(~unseen)), shape=X.shape)
    assert np.array_equal(thalweg.MatrixCompletion(3, l2=1e-4).fit(triplets).components_, model.components_)
    with_biases = thalweg.MatrixCompletion(2, l2=1e-4, biases=True).fit(holes)
    assert with_biases.components_.shape == (5, 40) and with_biases.transform(holes[:3]).shape == (3, 5)


def test_robust_pca_splits_and_proves():
    rng = np.random.default_rng(5)
    L = low_rank(60, 50, 2)
    S = np.where(rng.random(L.shape) < 0.05, 10 * rng.normal(size=L.shape), 0)
    model = thalweg.RobustPCA().fit(L + S)
    assert model.status_ == "converged" and model.rank_ == 2
    assert np.allclose(model.low_rank_, L, atol=1e-6 * np.abs(L).max()) and np.allclose(model.sparse_, S, atol=1e-6 * np.abs(S).max())
    assert model.certificate_["certified"] and model.certificate_["margin"] > 0
    assert np.allclose(model.transform(L) @ model.components_, L)
    assert np.array_equal(thalweg.RobustPCA().fit_transform(L + S), model.transform(L + S))
