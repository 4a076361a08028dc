"""Low-rank recovery, and proofs of it."""

import json

import numpy as np

from . import _thalweg
from ._arrays import dense
from ._estimator import Estimator
from ._evidence import flatness
from ._nmf import Factorization, number, penalty, rank, whole
from ._record import Record, _axes, _frame, with_result


class Recovery(Record):
    """A recovered matrix: ``X``, ``status``, ``objective``, ``relative_residual``, ``rank``, and after :meth:`certify` the ``certificate``.

    ``certified`` is True where X was proved from the measurements alone to be *the* minimiser, False where that was tried and not
    established, None where it was not tried. ``second`` is another minimiser and ``contradiction`` a combination of measurements that no
    matrix fits, where the status speaks of one.
    """

    def __init__(self, record, problem, aim):
        super().__init__({**record, "certificate": None})
        self._problem, self._aim = problem, aim

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def certified(self):
        return None if self.certificate is None else self.certificate["certified"]

    @property
    def margin(self):
        return None if self.certificate is None else self.certificate["margin"]

    def certify(self, threads=None):
        """Proves X from the measurements, by code that shares nothing with the solver; returns the recovery itself."""
        found = self._record
        instance = self._problem._instance
        found["certificate"] = _thalweg.verify(instance, json.dumps(self._aim), found["X"], found["rank"], found["multiplier"], threads)
        return self

    def flatness(self, *, steps=60, seed=0):
        """How flat the factored loss is at X, split evenly. See :func:`thalweg.flatness`."""
        return flatness(self._problem, self, steps=steps, seed=seed)

    def to_frame(self):
        """X as a frame of pandas, with the labels of the problem."""
        rows, columns = self._problem.labels
        return _frame(self.X, index=rows, columns=columns)

    def plot(self, ax=None):
        """X in colours."""
        ax = _axes(ax)
        ax.figure.colorbar(ax.imshow(self.X, aspect="auto"), ax=ax)
        ax.set(xlabel="column", ylabel="row", title=f"{self.status}, rank {self.rank}")
        return ax

    def _text(self):
        rows, cols = self._problem.shape
        lines = [
            f"{rows}x{cols} from {self._problem.measurements} measurements, {self.status}",
            f"rank {self.rank}   objective {self.objective:.10e}   misfit {self.relative_residual:.1e}   {self.iterations} iterations",
        ]
        proof = self.certificate
        if proof is not None and proof["certified"]:
            # with X = 0 there is nothing to be near to, and no multiplier to be inside of
            radius, margin = proof["radius"] or 0.0, 1.0 if proof["margin"] is None else proof["margin"]
            lines.append(f"certified        every minimiser is within {radius:.1e} of it, relative; margin {margin:.4f}")
        elif proof is not None:
            lines.append(f"not certified    {proof['why']}")
        return "\n".join(lines)


def recover(
    problem,
    *,
    objective="nuclear",
    noise=None,
    penalty=None,
    positive=False,
    certify=False,
    tol=1e-9,
    max_iter=5000,
    max_time=None,
    threads=None,
):
    """The matrix of smallest norm that fits the measurements.

    ``objective``: "nuclear", or "flat", whose minimisers are the flat minima of the factored loss. ``noise``: the matrix has to fit up to
    ‖A(X) − b‖ ≤ noise; ``penalty``: ½‖A(X) − b‖² + penalty · norm is minimised instead. ``positive``: among positive semidefinite matrices
    (quadratic measurements). ``certify``: prove the answer as well.
    """
    aim = _aim(objective, noise, penalty, positive) | {
        "max_iters": whole("max_iter", max_iter, 0),
        "tol": number("tol", tol, 0.0),
        "max_time": None if max_time is None else number("max_time", max_time, 0.0),
    }
    record, interrupt = _thalweg.recover(problem._instance, json.dumps(aim), threads)
    found = Recovery(record, problem, aim)
    if interrupt is not None:
        raise with_result(interrupt, found)
    return found.certify(threads) if certify else found


def _aim(objective, noise, penalty, positive):
    if objective not in ("nuclear", "flat"):
        raise ValueError(f"objective is {objective!r}, expected 'nuclear' or 'flat'")
    if noise is not None and penalty is not None:
        raise ValueError("noise and penalty were given: measurements bind in one way")
    fidelity = "exact"
    if noise is not None:
        fidelity = {"ball": {"radius": number("noise", noise, 0.0)}}
    elif penalty is not None:
        fidelity = {"penalised": {"lambda": number("penalty", penalty, 0.0)}}
    return {"objective": objective, "fidelity": fidelity, "positive": bool(positive)}


def verify(problem, X, multiplier, rank, *, objective="nuclear", noise=None, penalty=None, positive=False, threads=None):
    """What is proved of X from the measurements and a multiplier y of A(X) = b: ``certified``, ``margin``, ``radius``, ``why`` and more."""
    aim = _aim(objective, noise, penalty, positive) | {"max_iters": 0, "tol": 0.0, "max_time": None}
    arrays = np.ascontiguousarray(X, dtype=np.float64), int(rank), np.ascontiguousarray(multiplier, dtype=np.float64)
    return _thalweg.verify(problem._instance, json.dumps(aim), *arrays, threads)


class MatrixCompletion(Factorization):
    """X ≈ U Vᵀ of low rank on the entries that were observed, with entries of either sign; ``entries`` gives any of the others.

    Parameters
    ----------
    n_components : int
        The rank.
    l2 : float
        λ₂ on both factors, for data of unit root mean square: keeps rows with few entries from fitting them alone.
    biases : bool
        Whether each row and each column has a bias beside its components, and all of them the mean.
    missing : "nan" or "absent"
        What is unobserved: NaN, and with "absent" also what a sparse matrix does not store.
    tol, max_iter, random_state, restarts, holdout, max_time, threads
        As for :class:`NMF`.

    Attributes
    ----------
    components_ : array of shape (n_components, n_features)
        Vᵀ; with biases two or three more rows.
    status_, n_iter_, objective_, relative_error_, kkt_, result_
        As for :class:`NMF`.
    """

    _takes_positive_only = False

    def __init__(
        self,
        n_components=2,
        *,
        l2=0.02,
        biases=False,
        missing="absent",
        tol=1e-5,
        max_iter=2000,
        random_state=None,
        restarts=1,
        holdout=None,
        max_time=None,
        threads=None,
    ):
        self._keep_parameters(locals())

    def _ask(self, data):
        return {
            "rank": rank(self.n_components, data.shape),
            "method": None,
            "init": None,
            "loss": "frobenius",
            "penalty": penalty(number("l2", self.l2, 0.0), 0.0),
            "u_rows": "free",
            "v_rows": "free",
            "biases": bool(self.biases),
            "batch_size": None,
            **self._limits(),
        }

    def entries(self, rows, cols):
        """The entries (rows[i], cols[i]) of U Vᵀ."""
        self._check_fitted()
        U, V = self.result_.U, self.result_.V
        return np.einsum("ik,ik->i", U[np.asarray(rows)], V[np.asarray(cols)])

    def completed(self):
        """U Vᵀ, dense."""
        self._check_fitted()
        return self.result_.U @ self.result_.V.T


class RobustPCA(Estimator):
    """Y = low rank + sparse, by min ‖L‖_* + λ‖S‖₁ over the observed entries (NaN is unobserved), with a proof where there is one.

    Parameters
    ----------
    weight : float or None
        λ; None is 1/√max(m, n).
    tol : float
        Duality gap, relative to the objective, at which the answer counts as converged.
    max_iter : int
        Steps of the splitting.
    certify : bool
        Whether to prove the answer.
    max_time : float or None
        Seconds after which it ends.
    threads : int or None
        Threads; None is all cores.

    Attributes
    ----------
    low_rank_, sparse_ : arrays of the shape of Y
    components_ : array of shape (rank, n_features)
        Orthonormal rows that span the rows of ``low_rank_``.
    rank_, n_iter_, status_, objective_
    certificate_ : dict or None
        ``certified``, ``margin``, ``radius``, ``lower_bound`` and more.
    """

    _takes_sparse = False
    _takes_positive_only = False

    def __init__(self, weight=None, *, tol=1e-4, max_iter=1000, certify=True, max_time=None, threads=None):
        self._keep_parameters(locals())

    def fit(self, X, y=None):
        """Splits X into ``low_rank_`` and ``sparse_``."""
        Y = np.ascontiguousarray(dense(self._checked(X, reset=True)), dtype=np.float64)
        limits = whole("max_iter", self.max_iter, 0), number("tol", self.tol, 0.0)
        max_time = None if self.max_time is None else number("max_time", self.max_time, 0.0)
        weight = None if self.weight is None else number("weight", self.weight, 0.0)
        found, interrupt = _thalweg.robust_pca(Y, weight, *limits, max_time, bool(self.certify), self.threads)
        self.low_rank_, self.sparse_ = found["low_rank"], found["sparse"]
        self.components_ = np.ascontiguousarray(found["components"].T)
        self.rank_, self.n_iter_, self.status_ = found["rank"], found["iterations"], found["status"]
        self.objective_, self.weight_, self.certificate_ = found["objective"], found["weight"], found["certificate"]
        if interrupt is not None:
            raise interrupt
        return self

    def transform(self, X):
        """The coordinates of the rows of X on ``components_``; unobserved entries are not taken."""
        self._check_fitted()
        X = dense(self._checked(X, reset=False))
        return self._output((X @ self.components_.T).astype(X.dtype, copy=False), X)

    def fit_transform(self, X, y=None):
        """Fits X, and returns ``transform(X)``; the coordinates without corruption are ``low_rank_ @ components_.T``."""
        return self.fit(X).transform(X)
