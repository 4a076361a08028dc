"""What can be said of factorisations: audits, lines, flatness, surveys of ranks."""

import json

import numpy as np

from ._arrays import as_data
from ._records import Audit, Flatness, Line, RankSweep
from ._thalweg import audit as _audit
from ._thalweg import flatness as _flatness
from ._thalweg import line as _line
from ._thalweg import rank_sweep as _rank_sweep


def audit(X, model, *, lines=50, points=1, seed=None, sample_weight=None, entry_weight=None, threads=None):
    """How far a fit can be trusted, recomputed from the data: residual, bound, agreement of the restarts, lines, uniqueness.

    ``model``: a fitted estimator, or its ``result_``; X is what was fitted, with the weights of the fit. ``lines`` random starts, from which
    a line is drawn to each of the ``points`` best answers; ``seed`` draws the starts (that of the fit where it is None).
    """
    result = getattr(model, "result_", model)
    data = as_data(X, missing=getattr(model, "missing", "nan"), sample_weight=sample_weight, entry_weight=entry_weight)
    seed = result.settings["seed"] if seed is None else seed
    restarts = [(_f64(r.U), _f64(r.V), r.status) for r in result.restarts]
    return Audit(json.loads(_audit(data, restarts, json.dumps(result.settings), lines, points, seed, threads)))


def line(X, a, b, *, missing="nan", sample_weight=None, entry_weight=None):
    """The exact loss ½ Σ (X − UVᵀ)² on the segment from ``a`` (λ = 0) to ``b`` (λ = 1), and what it proves.

    ``a``, ``b``: fitted results or restarts, or pairs (U, V) with U of shape (n_samples, r) and V of shape (n_features, r).
    """
    data = as_data(X, missing=missing, sample_weight=sample_weight, entry_weight=entry_weight)
    return Line(json.loads(_line(data, _pair(a), _pair(b))))


def flatness(X, at, *, steps=60, seed=0, missing="nan", sample_weight=None, entry_weight=None, threads=None):
    """How flat the loss is, and how flat it could be: traces and ends of the spectrum of the Hessian, and the balance of the factors.

    ``at``: a fitted estimator or its ``result_``, with X what was fitted and the weights of the fit; a recovery with its problem for X, of which
    the factors are those of even size; or a pair (U, V) or a restart, under least squares without penalty on a matrix X or the measurements of
    a problem. ``steps`` Hessian-vector products, whose start ``seed`` draws, bound the spectrum.
    """
    result = getattr(at, "result_", at)
    instance = getattr(X, "_instance", None)
    missing = getattr(at, "missing", missing)
    of = as_data(X, missing=missing, sample_weight=sample_weight, entry_weight=entry_weight) if instance is None else instance
    settings = json.dumps(result.settings) if instance is None and hasattr(result, "settings") else None
    place = (_f64(result.X), result.rank) if hasattr(result, "X") else _pair(result)
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected a number that is not negative")
    return Flatness(json.loads(_flatness(of, place, settings, steps, seed, threads)))


def rank_sweep(
    X, ranks, *, holdout=None, repeats=8, restarts=5, max_iter=200, tol=1e-3, l2=0.0, l1=0.0, seed=0, missing="nan", threads=None
):
    """Which ranks the data support: error on entries held out, agreement of restarts, singular values against noise, and a verdict.

    ``ranks``: a range, a list without gaps, or (first, last). ``holdout``: the fraction that each of the ``repeats`` masks holds out.
    """
    first, last = _ends(ranks)
    asked = {"first": first, "last": last, "repeats": repeats, "fraction": holdout, "restarts": restarts}
    factor = {"l2": float(l2), "l1": float(l1)}
    asked |= {"max_iters": max_iter, "tol": tol, "seed": seed, "penalty": {"u": factor, "v": factor, "scaling": "entries"}}
    return RankSweep(json.loads(_rank_sweep(as_data(X, missing=missing), json.dumps(asked), threads)))


def _ends(ranks):
    """The first and the last rank."""
    if isinstance(ranks, int):
        return ranks, ranks
    ranks = [int(rank) for rank in ranks]
    is_pair = len(ranks) == 2 and ranks[0] <= ranks[1]
    if not ranks or not (is_pair or ranks == list(range(ranks[0], ranks[-1] + 1))):
        raise ValueError("ranks are a range, or (first, last)")
    return ranks[0], ranks[-1]


def _f64(array):
    return np.ascontiguousarray(array, dtype=np.float64)


def _pair(factors):
    factors = getattr(factors, "result_", factors)
    if hasattr(factors, "U") and hasattr(factors, "V"):
        factors = factors.U, factors.V
    U, V = factors
    return _f64(U), _f64(V)
