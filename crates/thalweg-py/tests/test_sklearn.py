"""scikit-learn's own checks, and its tools around the estimators."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import thalweg

ESTIMATORS = [thalweg.NMF(), thalweg.MiniBatchNMF(), thalweg.MatrixCompletion(), thalweg.RobustPCA()]

WEIGHTS = "the random start of a repeated row is another one, so that other local minima are found; test_nmf.py holds the objectives equal"
EXCEPTIONS = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
    "check_array_api_input": "skipped by scikit-learn itself unless an array library is given",
}


def checks():
    for estimator in ESTIMATORS:
        for instance, check in estimator_checks_generator(estimator):
            yield pytest.param(instance, check, id=f"{type(instance).__name__}-{getattr(check, 'func', check).__name__}")


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit from")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_check(estimator, check):
    if getattr(check, "func", check).__name__ in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[check.func.__name__])
    check(estimator)


def test_pipelines_searches_and_clones(X):
    pipeline = make_pipeline(MaxAbsScaler(), thalweg.NMF(tol=1e-3))
    search = GridSearchCV(pipeline, {"nmf__n_components": [1, 2, 4], "nmf__l2": [0.0, 0.01]}, cv=3).fit(X)
    assert search.best_params_["nmf__n_components"] == 4
    assert (search.cv_results_["mean_test_score"] > 0.5).all()
    best = search.best_estimator_
    assert list(best.get_feature_names_out()) == ["nmf0", "nmf1", "nmf2", "nmf3"]
    copy = clone(best[-1])
    assert copy.get_params() == best[-1].get_params() and not hasattr(copy, "components_")


def test_what_scikit_learn_raises_and_warns_with(X):
    with pytest.raises(NotFittedError):
        thalweg.NMF().transform(X)
    with pytest.warns(ConvergenceWarning):
        thalweg.NMF(3, max_iter=1, tol=1e-12).fit(X)


def test_better_or_equal_to_their_answer(X):
    from sklearn.decomposition import NMF as Theirs

    for loss in ("frobenius", "kullback-leibler"):
        solver = "cd" if loss == "frobenius" else "mu"
        theirs = Theirs(4, init="nndsvda", solver=solver, beta_loss=loss, max_iter=5000, tol=1e-9)
        W = theirs.fit_transform(X)
        ours = thalweg.NMF(4, init="custom", beta_loss=loss, tol=1e-7, max_iter=5000).fit(X, W=W, H=theirs.components_)
        assert ours.reconstruction_err_ <= theirs.reconstruction_err_ * (1 + 1e-9)
        assert ours.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=1e-2)
