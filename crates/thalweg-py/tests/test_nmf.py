"""The estimator: what it finds, and that it says what it found."""

import pickle
import warnings

import numpy as np
import pytest
from conftest import planted

import thalweg
from thalweg._thalweg import names

METHODS, DIVERGENCE_METHODS, INITS = names()
ROW_SETS_OF_ANY_SIGN = {"svd"}


def objective(X, model):
    """½ Σ_observed (X − UVᵀ)², from its definition."""
    U, V = model.result_.U, model.result_.V
    return 0.5 * np.nansum((X - U @ V.T) ** 2)


def quietly(model, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*args, **kwargs)


@pytest.mark.parametrize("solver", METHODS + ["cd", "auto", None])
def test_every_method_reports_the_objective_of_its_factors(solver, X):
    model = quietly(thalweg.NMF(4, solver=solver, max_iter=300), X)
    assert model.objective_ == pytest.approx(objective(X, model), rel=1e-9)
    assert model.reconstruction_err_ == pytest.approx(np.linalg.norm(X - model.result_.U @ model.components_), rel=1e-9)
    assert (model.result_.U >= 0).all() and (model.components_ >= 0).all()
    if model.status_ == "converged":
        assert model.kkt_ <= model.tol * (1 + 1e-6)


@pytest.mark.parametrize("beta_loss", ["kl", "kullback-leibler", 1, "is", "itakura-saito", 0.5, "beta:1.5"])
@pytest.mark.parametrize("solver", [None, "mu"])
def test_every_loss(beta_loss, solver, X):
    model = quietly(thalweg.NMF(3, beta_loss=beta_loss, solver=solver, max_iter=30), X)
    beta = {"kl": 1, "kullback-leibler": 1, "is": 0, "itakura-saito": 0, "beta:1.5": 1.5}.get(beta_loss, beta_loss)
    P = model.result_.U @ model.result_.V.T
    if beta == 1:
        expected = (X * np.log(X / P) - X + P).sum()
    elif beta == 0:
        expected = (X / P - np.log(X / P) - 1).sum()
    else:
        expected = ((X**beta + (beta - 1) * P**beta - beta * X * P ** (beta - 1)) / (beta * (beta - 1))).sum()
    assert model.objective_ == pytest.approx(expected, rel=1e-8)
    assert model.transform(X[:5]).shape == (5, 3)
    assert 0 < model.score(X) < 1


@pytest.mark.parametrize("init", sorted(set(INITS) - ROW_SETS_OF_ANY_SIGN))
def test_every_start(init, X):
    model = quietly(thalweg.NMF(4, init=init, max_iter=500), X)
    assert model.result_.settings["init"] == init
    assert model.relative_error_ < 0.2


def test_unobserved_entries_do_not_count(X):
    mask = np.random.default_rng(1).random(X.shape) < 0.3
    holes = np.where(mask, np.nan, X)
    model = thalweg.NMF(4).fit(holes)
    assert model.result_.input["observed"] == (~mask).sum()
    assert model.objective_ == pytest.approx(objective(holes, model), rel=1e-9)
    # whatever stands behind the mask
    masked = np.ma.MaskedArray(np.where(mask, 1e6, X), mask)
    assert np.array_equal(thalweg.NMF(4).fit(masked).components_, model.components_)


def test_row_weights_are_entry_weights_and_repetitions(X):
    counts = np.random.default_rng(2).integers(0, 4, len(X)).astype(float)
    by_row = thalweg.NMF(3, tol=1e-7).fit(X, sample_weight=counts)
    by_entry = thalweg.NMF(3, tol=1e-7).fit(X, entry_weight=np.repeat(counts[:, None], X.shape[1], 1))
    assert np.array_equal(by_row.components_, by_entry.components_)
    repeated = X[np.repeat(np.arange(len(X)), counts.astype(int))]
    # the starts differ, the landscape does not: from the answer of one, the other does not move
    start = dict(W=by_row.transform(repeated), H=by_row.components_)
    same = thalweg.NMF(3, tol=1e-5, init="custom").fit(repeated, **start)
    assert same.n_iter_ <= 16
    assert same.objective_ == pytest.approx(by_row.objective_, rel=1e-6)


def test_same_seed_same_bits_on_any_number_of_threads(X):
    fits = [thalweg.NMF(4, random_state=3, restarts=2, threads=threads).fit(X) for threads in (1, 2, 3)]
    assert all(np.array_equal(fits[0].components_, other.components_) for other in fits)
    assert not np.array_equal(fits[0].components_, thalweg.NMF(4, random_state=4).fit(X).components_)


def test_powers_of_two_change_nothing(X):
    one, scaled = thalweg.NMF(4).fit(X), thalweg.NMF(4).fit(X * 2.0**20)
    assert one.n_iter_ == scaled.n_iter_
    assert np.array_equal((one.result_.U @ one.components_) * 2.0**20, scaled.result_.U @ scaled.components_)


@pytest.mark.parametrize("beta_loss", ["frobenius", "kl"])
def test_fit_transform_is_fit_then_transform(beta_loss, X):
    a, b = thalweg.NMF(4, beta_loss=beta_loss, tol=1e-4), thalweg.NMF(4, beta_loss=beta_loss, tol=1e-4)
    assert np.array_equal(a.fit_transform(X), b.fit(X).transform(X))
    # each row on its own
    assert np.allclose(a.transform(X[3:5]), a.transform(X)[3:5], rtol=1e-12 if beta_loss == "frobenius" else 1e-6, atol=0)


def test_transform_is_the_best_row(X):
    model = thalweg.NMF(4).fit(X)
    U = model.transform(X)
    gradient = (U @ model.components_ - X) @ model.components_.T
    assert np.abs(np.minimum(U, gradient / (model.components_**2).sum(1))).max() < 1e-9
    assert np.allclose(model.inverse_transform(U), U @ model.components_)
    assert model.score(X) == pytest.approx(1 - ((X - U @ model.components_) ** 2).sum() / (X**2).sum())


def test_single_precision_stays(X):
    model = thalweg.NMF(4, tol=1e-3).fit(X.astype(np.float32))
    assert model.components_.dtype == np.float32 == model.transform(X.astype(np.float32)).dtype
    assert model.result_.settings["precision"] == "f32"
    assert thalweg.NMF(4).fit(X).components_.dtype == np.float64


def test_given_factors_are_the_start():
    X = planted(30, 20, 3)
    done = thalweg.NMF(3, tol=1e-8).fit(X)
    again = thalweg.NMF(3, tol=1e-8, init="custom").fit(X, W=done.result_.U, H=done.components_)
    assert again.n_iter_ <= 8 and again.status_ == "converged"
    assert thalweg.NMF(init="custom").fit(X, W=done.result_.U, H=done.components_).n_components_ == 3
    with pytest.raises(ValueError, match="both W and H"):
        thalweg.NMF(3, init="custom").fit(X)
    with pytest.raises(ValueError, match="shape"):
        thalweg.NMF(3).fit(X, W=np.ones((30, 2)), H=np.ones((2, 20)))


def test_penalties_of_scikit_learn_are_its_own(X):
    from sklearn.decomposition import NMF as Theirs

    ours = thalweg.NMF(3, alpha_W=0.01, alpha_H=0.02, l1_ratio=0.3, tol=1e-8, max_iter=20000).fit(X)
    theirs = Theirs(3, init="custom", alpha_W=0.01, alpha_H=0.02, l1_ratio=0.3, tol=1e-12, max_iter=20000)
    W = theirs.fit_transform(X, W=ours.result_.U.copy(), H=ours.components_.copy())
    # their descent finds nothing more to gain where ours ended
    assert np.allclose(W, ours.result_.U, rtol=1e-4, atol=1e-5 * W.max())
    m, n = X.shape
    U, H = ours.result_.U, ours.components_
    paid = n * 0.01 * (0.3 * U.sum() + 0.35 * (U**2).sum()) + m * 0.02 * (0.3 * H.sum() + 0.35 * (H**2).sum())
    assert ours.result_.penalty == pytest.approx(paid, rel=1e-9)
    with pytest.raises(ValueError, match="one penalty"):
        thalweg.NMF(3, alpha_W=0.1, l2=0.1).fit(X)


def test_shares_sum_to_one():
    X = planted(30, 20, 3)
    assert np.allclose(quietly(thalweg.NMF(3, sum_to_one="W"), X).transform(X).sum(1), 1)
    assert np.allclose(quietly(thalweg.NMF(3, sum_to_one="H"), X).components_.sum(0), 1)


def test_restarts_holdout_and_the_record(X):
    model = thalweg.NMF(4, restarts=3, holdout=0.1, max_iter=100, tol=1e-3).fit(X)
    fit = model.result_
    assert len(fit.restarts) == 3 and fit.best == int(np.argmin([r.objective for r in fit.restarts]))
    assert fit.holdout_rmse > 0 and fit.settings["holdout"] == 0.1
    assert {0.0, 1.0, 2.0} == set(fit.history[:, 0])
    assert "held-out RMSE" in repr(fit) and fit.status in fit._repr_html_()
    assert list(fit.to_frame().columns)[:2] == ["restart", "seconds"]
    fit.plot()


def test_a_fit_that_ends_early_warns_and_says_so(X):
    with pytest.warns(UserWarning, match="raise max_iter"):
        model = thalweg.NMF(4, max_iter=2, tol=1e-12).fit(X)
    assert model.status_ == "max_iters"
    with pytest.warns(UserWarning, match="time_limit"):
        assert thalweg.NMF(4, max_time=0.0, tol=0.0).fit(X).status_ == "time_limit"


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"n_components": 0}, "rank 0 does not fit a 60x40 matrix: it must be between 1 and 40"),
        ({"n_components": 41}, "rank 41 does not fit"),
        ({"n_components": 2.5}, "expected a whole number"),
        ({"solver": "sgd"}, "method is sgd, expected one of hals"),
        ({"solver": "hals", "beta_loss": "kl"}, 'under the loss "kl"'),
        ({"init": "magic"}, "init is magic, expected one of random"),
        ({"beta_loss": "huber"}, "loss is huber, expected frobenius, kl, is, or beta:B"),
        ({"beta_loss": 7.0}, "beta is 7, expected a number between -5 and 5"),
        ({"tol": float("nan")}, "expected a finite number"),
        ({"max_iter": -1}, "expected a whole number of at least 0"),
        ({"holdout": 1.5}, "holdout is 1.5, expected a fraction between 0 and 1"),
        ({"missing": "zero"}, "expected 'nan' or 'absent'"),
        ({"sum_to_one": "both"}, "expected 'W', 'H' or None"),
        ({"alpha_W": 0.1, "alpha_H": 0.0}, "on both factors"),
        ({"penalty_scaling": "none"}, "expected entries, even, or an exponent between 0 and 1"),
        ({"penalty_scaling": 1.5}, "penalty-scaling is 1.5, expected entries, even, or an exponent between 0 and 1"),
        ({"batch_size": 8, "solver": "hals"}, "minibatch"),
        ({"max_time": 1e300}, "expected seconds, not negative"),
        ({"threads": 0}, "threads is 0, expected at least 1"),
        ({"random_state": "a"}, "random_state is 'a'"),
    ],
)
def test_refusals_say_what_was_expected(params, sentence, X):
    with pytest.raises(ValueError) as error:
        thalweg.NMF(**{"n_components": 3, **params}).fit(X)
    assert sentence in str(error.value), str(error.value)
    assert " at line " not in str(error.value)


def test_refused_data():
    for bad, sentence in [(-1.0, "negative entry -1 at row 2, column 3"), (np.inf, "inf at row 2, column 3")]:
        X = np.ones((4, 5))
        X[1, 2] = bad
        with pytest.raises(ValueError, match=sentence):
            thalweg.NMF(2).fit(X)
    for X in (np.zeros((3, 3)), np.full((3, 3), np.nan)):
        with pytest.raises(ValueError, match="the matrix"):
            thalweg.NMF(2).fit(X)


def test_pickles_and_copies(X):
    model = thalweg.NMF(4, restarts=2).fit(X)
    back = pickle.loads(pickle.dumps(model))
    assert np.array_equal(back.transform(X), model.transform(X))
    assert back.result_.settings == model.result_.settings and back.audit(X, lines=2) == model.audit(X, lines=2)


def test_works_without_scikit_learn():
    import subprocess
    import sys

    code = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("sklearn", "scipy", "pandas", "matplotlib"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import numpy as np, thalweg
X = np.random.default_rng(0).random((20, 10))
model = thalweg.NMF(3, tol=1e-3)
try:
    model.transform(X)
except thalweg.NotFittedError as error:
    print(error)
U = model.fit_transform(X)
print(U.shape, model.get_feature_names_out(), model.audit(X, lines=2).status, repr(model))
try:
    model.transform(X[:, :4])
except ValueError as error:
    print(error)
assert not any(name in sys.modules for name in ("sklearn", "scipy", "pandas"))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "not fitted yet" in out and "(20, 3) ['nmf0' 'nmf1' 'nmf2']" in out and "NMF(n_components=3, tol=0.001)" in out
    assert "X has 4 features, but NMF is expecting 10 features" in out


def test_partial_fit_finds_the_components_of_rows_seen_once():
    X = planted(400, 30, 3)
    model = thalweg.MiniBatchNMF(3)
    for block in np.split(X, 8):
        model.partial_fit(block)
    assert model.status_ == "partial" and (model.n_steps_, model.n_samples_seen_) == (8, 400)
    assert model.score(X) > 0.995 and model.transform(X[:7]).shape == (7, 3)
    back = pickle.loads(pickle.dumps(model)).partial_fit(X[:50])
    assert np.array_equal(back.components_, model.partial_fit(X[:50]).components_)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :5])
    holes = np.where(np.random.default_rng(0).random((50, 30)) < 0.1, np.nan, X[:50])
    assert model.partial_fit(holes).score(X) > 0.99
    # a fit begins anew
    assert model.fit(X).status_ == "converged" and model.result_.settings["method"] == "minibatch"


def test_a_batch_size_is_part_of_the_fit(X):
    fit = quietly(thalweg.MiniBatchNMF(3, batch_size=16, max_iter=50), X).result_
    assert fit.settings["batch_size"] == 16
