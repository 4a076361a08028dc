"""Audits, lines and surveys of ranks."""

import json
import subprocess

import numpy as np
import pytest
from conftest import planted

import thalweg


def test_an_audit_recomputes_and_speaks(X):
    model = thalweg.NMF(4, restarts=3).fit(X)
    audit = model.audit(X, lines=4)
    assert audit.objective == pytest.approx(model.objective_, rel=1e-12) and audit.kkt == pytest.approx(model.kkt_, rel=1e-9)
    assert audit.restarts["count"] == 3 and audit.lines["count"] == 4
    singular = np.linalg.svd(X, compute_uv=False)
    assert audit.lower_bound == pytest.approx(0.5 * (singular[4:] ** 2).sum(), rel=1e-6)
    assert repr(audit) == audit.verdict and "<pre>" in audit._repr_html_()
    assert len(audit.to_frame()) == 3
    audit.plot()
    assert thalweg.audit(X, model.result_, lines=4) == audit
    # other data than those of the fit do not pass for them
    assert model.audit(X[::-1].copy(), lines=0).status != "converged"


def test_the_audit_of_a_fit_with_held_out_entries_sees_what_the_fit_saw(X):
    model = thalweg.NMF(3, holdout=0.2).fit(X)
    assert model.audit(X, lines=2).objective == pytest.approx(model.objective_, rel=1e-12)


def test_a_line_is_the_loss_at_its_points(X):
    rng = np.random.default_rng(5)
    a, b = [(rng.random((60, 3)), rng.random((40, 3))) for _ in range(2)]
    line = thalweg.line(X, a, b)
    for at in (0.0, 0.3, 1.0):
        U, V = (p + at * (q - p) for p, q in zip(a, b))
        assert line(at) == pytest.approx(0.5 * ((X - U @ V.T) ** 2).sum(), rel=1e-12)
    assert line.barrier >= 0 and "least curvature" in repr(line)
    assert len(line.to_frame(11)) == 11
    line.plot()
    model = thalweg.NMF(3, restarts=2, tol=1e-3).fit(X)
    assert thalweg.line(X, *model.result_.restarts)(1.0) == pytest.approx(model.result_.restarts[1].objective, rel=1e-9)


def test_flatness_of_factors_by_hand():
    # U = 2I, V = I/2: Σ over entries of ‖vⱼ‖² is 2·½, of ‖uᵢ‖² is 2·8; balanced factors of I have ‖U‖² + ‖V‖² = 4
    pair = 2 * np.eye(2), np.eye(2) / 2
    flat = thalweg.flatness(np.eye(2), pair)
    assert flat.trace == pytest.approx(17.0) and flat.scaled_trace == pytest.approx(8.5)
    assert flat.least_scaled_trace == pytest.approx(4.0) and flat.excess == pytest.approx(1.125)
    assert "112.500 % above" in repr(flat) and flat.sentence in repr(flat) and "<pre>" in flat._repr_html_()
    low, high = flat.spectrum["largest"]
    assert low <= 4.25 + 1e-9 and high >= 4.25 - 1e-9
    assert flat.to_frame().loc[0, "scaled_trace"] == flat.scaled_trace
    assert flat.plot().get_xscale() == "log"
    completion = thalweg.flatness(thalweg.problems.Completion(np.eye(2)), pair)
    assert (completion.model, completion.trace) == ("completion", pytest.approx(17.0))
    with pytest.raises(ValueError, match="shape"):
        thalweg.flatness(np.eye(3), pair)


def test_flatness_of_a_fit_and_of_a_recovery(X):
    model = thalweg.NMF(4, restarts=2).fit(X)
    flat = model.flatness(X)
    assert flat == thalweg.flatness(X, model.result_) == thalweg.flatness(X, model.result_.restarts[model.result_.best])
    assert flat.trace == pytest.approx(model.audit(X, lines=0).flatness["trace"], rel=1e-9)
    # the entries that were held out are not in the loss
    held = thalweg.NMF(4, holdout=0.2).fit(X)
    assert held.flatness(X).trace < 0.9 * thalweg.flatness(X, (held.result_.U, held.result_.V)).trace
    with pytest.raises(ValueError, match="expected least squares"):
        thalweg.NMF(3, beta_loss="kl", tol=1e-2).fit(X).flatness(X)
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(6, 1)) @ rng.normal(size=(1, 5))
    A = rng.normal(size=(40, 6, 5))
    found = thalweg.recover(thalweg.problems.Sensing(A, np.einsum("pij,ij->p", A, truth)), objective="flat")
    at = found.flatness()
    assert at.model == "sensing" and at.misfit < 1e-8 and at.excess < 0.5 and at.conditions[0] >= 1.0


def test_the_rank_of_planted_data_is_found():
    X = planted(50, 40, 3) * (1 + 0.1 * (np.random.default_rng(8).random((50, 40)) - 0.5))
    sweep = thalweg.rank_sweep(X, range(1, 6), repeats=4, restarts=2)
    assert sweep.recommend() == 3 and 3 in sweep.supported
    assert [row["rank"] for row in sweep.ranks] == [1, 2, 3, 4, 5]
    assert "not ruled out" in repr(sweep) and list(sweep.to_frame().index) == [1, 2, 3, 4, 5]
    sweep.plot()
    assert thalweg.rank_sweep(X, (1, 5), repeats=4, restarts=2) == sweep
    for ranks, sentence in [([], "range"), ([1, 3, 4], "range"), ((0, 3), "rank 0")]:
        with pytest.raises(ValueError, match=sentence):
            thalweg.rank_sweep(planted(20, 10, 2), ranks)


def test_records_are_documents(X):
    sweep = thalweg.rank_sweep(X, (1, 2), repeats=2, restarts=1)
    assert json.loads(json.dumps(sweep.to_dict())) == sweep.to_dict()
    with pytest.raises(AttributeError, match="RankSweep has no field 'nothing'"):
        sweep.nothing


def test_the_version_is_that_of_the_library():
    text = subprocess.run(["cargo", "pkgid", "-p", "thalweg"], capture_output=True, text=True, check=False).stdout
    if not text:
        pytest.skip("no cargo here")
    assert text.strip().endswith(thalweg.__version__)
