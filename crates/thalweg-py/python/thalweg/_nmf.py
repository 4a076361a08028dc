"""Non-negative matrix factorisation as an estimator."""

import json
import math
import warnings
from numbers import Integral, Real

import numpy as np

from ._arrays import as_data, names_of
from ._estimator import ConvergenceWarning, Estimator, exception
from ._evidence import audit, flatness
from ._records import Fit
from ._thalweg import absorb, evaluate, fit, transform

# the names that other libraries have for the same things
_SOLVERS = {"auto": None, "cd": "hals"}
_LOSSES = {"kullback-leibler": "kl", "itakura-saito": "is", 2: "frobenius", 1: "kl", 0: "is"}


class Factorization(Estimator):
    """What every factorisation X ≈ U Vᵀ by the compiled half has in common: U is what ``transform`` returns, Vᵀ is ``components_``."""

    def _ask(self, data):
        """The settings of the fit, as the compiled half takes them."""
        raise NotImplementedError

    def fit(self, X, y=None, *, sample_weight=None, entry_weight=None, W=None, H=None):
        """Fits X.

        Parameters
        ----------
        X : array, sparse matrix or frame of shape (n_samples, n_features)
            NaN is an entry that was not observed.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            The weight of each row in the objective.
        entry_weight : array of shape (n_samples, n_features), optional
            The weight of each entry.
        W, H : arrays of shapes (n_samples, n_components) and (n_components, n_features), optional
            Where the first restart begins.

        Returns
        -------
        self
        """
        self._fit(X, sample_weight, entry_weight, W, H)
        return self

    def _fit(self, X, sample_weight=None, entry_weight=None, W=None, H=None):
        """Fits, and returns X as data."""
        labels = names_of(X, 0), names_of(X, 1)
        X = self._checked(X, reset=True)
        unweighted = as_data(X, missing=self._missing())
        data = unweighted
        if sample_weight is not None or entry_weight is not None:
            data = as_data(unweighted, sample_weight=sample_weight, entry_weight=entry_weight)
        asked, start = self._ask(data), self._start(W, H)
        if start is not None and self.n_components in (None, "auto"):
            asked["rank"] = start[0].shape[-1]
        found = fit(data, json.dumps(asked), start, self.threads)
        self._keep(*found[:3], labels)
        if found[3] is not None:
            raise found[3]
        self._warn()
        return unweighted

    def _limits(self):
        """Where a fit begins and ends."""
        return {
            "restarts": whole("restarts", self.restarts, 1),
            "seed": self._seed(),
            "max_iters": whole("max_iter", self.max_iter, 0),
            "tol": number("tol", self.tol, 0.0),
            "holdout": None if self.holdout is None else number("holdout", self.holdout, 0.0),
            "max_time": None if self.max_time is None else number("max_time", self.max_time, 0.0),
        }

    def _start(self, W, H):
        """The factors at which restart 0 begins."""
        if W is None and H is None and getattr(self, "init", None) != "custom":
            return None
        if W is None or H is None:
            raise ValueError("a start is two factors: give both W and H")
        return np.ascontiguousarray(W, dtype=np.float64), np.ascontiguousarray(np.asarray(H, dtype=np.float64).T)

    def _missing(self):
        return getattr(self, "missing", "nan")

    def _keep(self, manifest, answers, history, labels):
        """What was found; the best restart makes the fitted attributes."""
        self.result_ = best = Fit.of(json.loads(manifest), answers, history, labels)
        self._settings, self._scaled_penalty = best.settings, best.scaled_penalty
        self.components_ = np.ascontiguousarray(best.V.T)
        self.n_components_ = len(self.components_)
        self.status_ = best.status
        self.n_iter_ = best.iterations
        self.objective_ = best.objective
        self.relative_error_ = best.relative_error
        self.kkt_ = best.kkt
        self.reconstruction_err_ = math.sqrt(max(2.0 * (best.objective - best.penalty), 0.0))
        return self

    def _warn(self):
        if self.status_ != "converged":
            ended = f"The fit ended as {self.status_!r} after {self.n_iter_} iterations"
            if self.status_ == "max_iters":
                ended = f"Maximum number of iterations {self.n_iter_} reached (raise max_iter)"
            message = f"{ended}, with residual {self.kkt_:.2e} and tolerance {self.tol:g}"
            warnings.warn(message, exception(ConvergenceWarning), stacklevel=4)

    def transform(self, X):
        """U of the rows of X on the components of the fit: each row the exact answer of its own problem, whatever the others are."""
        self._check_fitted()
        data = as_data(self._checked(X, reset=False), missing=self._missing())
        return self._output(self._fold(data), X)

    def fit_transform(self, X, y=None, *, sample_weight=None, entry_weight=None, W=None, H=None):
        """Fits X and returns ``transform(X)``, to the last bit."""
        data = self._fit(X, sample_weight, entry_weight, W, H)
        return self._output(self._fold(data), X)

    def _fold(self, data):
        U = transform(data, self._V(), *self._for_new_rows(), self.threads)
        return U.astype(self.components_.dtype, copy=False)

    def _for_new_rows(self):
        """What rows are held to and pay."""
        return json.dumps(self._settings), json.dumps(self._scaled_penalty)

    def _V(self):
        return np.ascontiguousarray(self.components_.T, dtype=np.float64)

    def inverse_transform(self, X):
        """X @ components_: the rows that these coordinates stand for."""
        self._check_fitted()
        return np.asarray(X) @ self.components_

    def score(self, X, y=None):
        """1 − relative error² of the rows of X on the components of the fit, over the observed entries: 1 is exact, 0 is no better than
        zero (under other losses than "frobenius", no better than the best constant)."""
        self._check_fitted()
        data = as_data(self._checked(X, reset=False), missing=self._missing())
        U = transform(data, self._V(), *self._for_new_rows(), self.threads)
        error = evaluate(data, U, self._V(), *self._for_new_rows(), self.threads)["relative_error"]
        return 1.0 - (error**2 if self._settings["loss"] == "frobenius" else error)

    def audit(self, X, *, lines=50, points=1, seed=None):
        """How far the fit can be trusted; X is what was fitted. See :func:`thalweg.audit`."""
        self._check_fitted()
        return audit(X, self, lines=lines, points=points, seed=seed)

    def flatness(self, X, *, steps=60, seed=0):
        """How flat the loss is at the factors of the fit; X is what was fitted. See :func:`thalweg.flatness`."""
        self._check_fitted()
        return flatness(X, self, steps=steps, seed=seed)


class NMF(Factorization):
    """X ≈ W H with W, H ≥ 0 (W = U, H = Vᵀ): every method, loss and start of thalweg, missing entries and weights.

    Parameters have scikit-learn's names where they mean the same.

    Parameters
    ----------
    n_components : int or None
        The rank; None (or "auto") is that of a given start, else the smaller side of X.
    init : str or None
        "random", "half-normal", "nndsvd", "nndsvda", "spa", "exterior"; None is the method's own. "custom" asks for W and H in ``fit``.
    solver : str or None
        "hals" (also "cd"), "accelerated-hals", "anls", "extrapolated-hals", "extrapolated-anls", "compressed", "minibatch", "gradient",
        "mu" and others; under other losses "newton" or "mu". None (or "auto") is what suits the data; ``result_`` says what and why.
    beta_loss : float or str
        "frobenius" (2), "kullback-leibler" or "kl" (1), "itakura-saito" or "is" (0), or any β from −5 to 5.
    tol : float
        Tolerance on the scale-free stationarity residual ``kkt_``. It is no relative change: a fit that merely slows down goes on.
    max_iter : int
        Iteration limit of each restart.
    random_state : int, Generator, RandomState or None
        The seed; None is 0. The same seed gives the same bits, on any number of threads.
    alpha_W, alpha_H, l1_ratio : float; alpha_H may be "same"
        The penalty of scikit-learn's NMF: ½ α (1 − ρ) ‖·‖² + α ρ ‖·‖₁, on W times n_features, on H times n_samples.
    l2, l1 : float
        The penalty of thalweg, free of units: λ₂ and λ₁ on both factors, for data of unit root mean square.
    penalty_scaling : "entries", "even" or float
        Whether rows with few observed entries pay less, or all rows the same; a number between 0 (even) and 1 (entries) is the exponent of
        their number of entries.
    sum_to_one : "W", "H" or None
        The rows of W, or the columns of H, are not negative and sum to one, as abundances do.
    restarts : int
        Random starts; the best one is kept, all of them are in ``result_``.
    holdout : float or None
        Fraction of the observed entries to hold out; their RMSE is ``result_.holdout_rmse``.
    missing : "nan" or "absent"
        What is unobserved: NaN, or with "absent" also what a sparse matrix does not store.
    batch_size : int or None
        Rows of a block of the solver "minibatch".
    max_time : float or None
        Seconds after which a fit ends.
    threads : int or None
        Threads; None is all cores. Results do not depend on it.

    Attributes
    ----------
    components_ : array of shape (n_components, n_features)
        H.
    n_components_ : int
    reconstruction_err_ : float
        √(2 d(X, WH)): for "frobenius" ‖X − WH‖ over the observed entries.
    n_iter_ : int
    status_ : str
        "converged", "max_iters", "time_limit", "stalled", "breakdown" or "stopped"; recomputed from the data.
    objective_, relative_error_, kkt_ : float
        As the command line reports them, recomputed from the data.
    result_ : Fit
        Everything that is known of the fit, all restarts included.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X has string column names.

    Examples
    --------
    >>> import numpy as np, thalweg
    >>> X = np.outer([1.0, 2.0, 3.0], [4.0, 0.0, 5.0, 6.0]) + np.outer([0.0, 1.0, 0.0], [1.0, 2.0, 0.0, 0.0])
    >>> model = thalweg.NMF(2, tol=1e-9).fit(X)
    >>> model.status_, bool(model.relative_error_ < 1e-6)
    ('converged', True)
    """

    def __init__(
        self,
        n_components=None,
        *,
        init=None,
        solver=None,
        beta_loss="frobenius",
        tol=1e-5,
        max_iter=2000,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        l2=0.0,
        l1=0.0,
        penalty_scaling="entries",
        sum_to_one=None,
        restarts=1,
        holdout=None,
        missing="nan",
        batch_size=None,
        max_time=None,
        threads=None,
    ):
        self._keep_parameters(locals())

    def _ask(self, data):
        u_rows, v_rows = row_sets(self.sum_to_one)
        return {
            "rank": rank(self.n_components, data.shape),
            "method": _SOLVERS.get(self.solver, self.solver),
            "init": None if self.init == "custom" else self.init,
            "loss": loss(self.beta_loss),
            "penalty": self._penalty(),
            "u_rows": u_rows,
            "v_rows": v_rows,
            "biases": False,
            "batch_size": None if self.batch_size is None else whole("batch_size", self.batch_size, 1),
            **self._limits(),
        }

    def _penalty(self):
        of_data = alphas(self.alpha_W, self.alpha_H, self.l1_ratio)
        free = penalty(number("l2", self.l2, 0.0), number("l1", self.l1, 0.0), self.penalty_scaling)
        if of_data is None:
            return free
        if self.l2 or self.l1:
            raise ValueError("alpha_W and alpha_H were given with l2 or l1: a fit has one penalty, in one unit")
        return of_data


class MiniBatchNMF(NMF):
    """NMF in blocks of rows: ``fit`` goes through all of X in blocks and ends as :class:`NMF` does; ``partial_fit`` sees rows that are not
    kept.

    Parameters
    ----------
    batch_size : int
        Rows of a block in ``fit``.
    n_components, init, tol, max_iter, random_state, alpha_W, alpha_H, l1_ratio, l2, l1, penalty_scaling, restarts, holdout, missing,
    max_time, threads
        As for :class:`NMF`; ``partial_fit`` knows n_components, random_state, missing and threads alone.

    Attributes
    ----------
    components_, n_components_, status_, n_iter_, result_ and the others
        As for :class:`NMF`; after ``partial_fit`` only ``components_``, ``n_components_``, ``n_steps_``, ``n_samples_seen_`` and
        ``status_`` ("partial").
    """

    def __init__(
        self,
        n_components=None,
        *,
        batch_size=1024,
        init=None,
        tol=1e-5,
        max_iter=2000,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        l2=0.0,
        l1=0.0,
        penalty_scaling="entries",
        restarts=1,
        holdout=None,
        missing="nan",
        max_time=None,
        threads=None,
    ):
        self._keep_parameters(locals())

    # what NMF asks for beside, and this estimator has no say in
    solver = "minibatch"
    beta_loss = "frobenius"
    sum_to_one = None

    def _keep(self, manifest, answers, history, labels):
        self.__dict__.pop("_sums", None)
        return super()._keep(manifest, answers, history, labels)

    def partial_fit(self, X, y=None):
        """Moves the components by more rows, which are not kept: U of earlier rows stays as it was when they were seen."""
        is_first = not hasattr(self, "_sums")
        X = self._checked(X, reset=is_first)
        data = as_data(X, missing=self.missing)
        state = None if is_first else (self._V(), *self._sums)
        V, *self._sums = absorb(data, rank(self.n_components, data.shape) if is_first else self.n_components_, self._seed(), state, self.threads)
        self.components_ = np.ascontiguousarray(V.T)
        self.n_components_ = len(self.components_)
        self.n_steps_ = 1 if is_first else self.n_steps_ + 1
        self.n_samples_seen_ = X.shape[0] if is_first else self.n_samples_seen_ + X.shape[0]
        self.status_ = "partial"
        for of_a_fit in ("result_", "n_iter_", "objective_", "relative_error_", "kkt_", "reconstruction_err_"):
            self.__dict__.pop(of_a_fit, None)
        asked = {k: v for k, v in self._ask(data).items() if k not in ("batch_size", "max_time", "penalty")}
        self._settings = asked | {"method": "minibatch", "init": "random", "holdout": None, "precision": "f64"}
        self._scaled_penalty = penalty(0.0, 0.0)
        return self


def rank(n_components, shape):
    """The rank that is meant."""
    return min(shape) if n_components is None or n_components == "auto" else whole("n_components", n_components, 0)


def loss(beta_loss):
    """The loss by the name of the compiled half."""
    name = _LOSSES.get(beta_loss, beta_loss)
    return f"beta:{float(name)!r}" if isinstance(name, Real) else name


def row_sets(sum_to_one):
    """Where the rows of U and V lie."""
    if sum_to_one not in (None, "W", "H"):
        raise ValueError(f"sum_to_one is {sum_to_one!r}, expected 'W', 'H' or None")
    return tuple("sum-to-one" if sum_to_one == side else "non-negative" for side in ("W", "H"))


def penalty(l2, l1, scaling="entries"):
    """λ₂ and λ₁ on both factors."""
    return {"u": {"l2": l2, "l1": l1}, "v": {"l2": l2, "l1": l1}, "scaling": scaling}


def alphas(alpha_W, alpha_H, l1_ratio):
    """The penalty of scikit-learn's NMF; none where it is zero."""
    alpha_W, l1_ratio = number("alpha_W", alpha_W, 0.0), number("l1_ratio", l1_ratio, 0.0)
    alpha_H = alpha_W if alpha_H == "same" else number("alpha_H", alpha_H, 0.0)
    if l1_ratio > 1.0:
        raise ValueError(f"l1_ratio is {l1_ratio}, expected a number from 0 to 1")
    if alpha_W == alpha_H == 0.0:
        return None
    of = lambda alpha: {"l2": alpha * (1.0 - l1_ratio), "l1": alpha * l1_ratio}
    return {"u": of(alpha_W), "v": of(alpha_H), "scaling": "entries", "unit": "data"}


def whole(name, value, least):
    """A whole number that is not below the least."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}, expected a whole number of at least {least}")
    return int(value)


def number(name, value, least):
    """A finite number that is not below the least."""
    if not isinstance(value, Real) or isinstance(value, bool) or not (math.isfinite(value) and value >= least):
        raise ValueError(f"{name} is {value!r}, expected a finite number of at least {least:g}")
    return float(value)
