from typing import Any, Literal, TypeVar

from numpy.typing import NDArray

from ._estimator import Estimator
from ._records import Audit, Fit, Flatness

_Self = TypeVar("_Self", bound="Factorization")
_Online = TypeVar("_Online", bound="MiniBatchNMF")

class Factorization(Estimator):
    n_components_: int
    status_: str
    n_iter_: int
    objective_: float
    relative_error_: float
    kkt_: float
    reconstruction_err_: float
    result_: Fit
    def fit(
        self: _Self, X: Any, y: Any = None, *, sample_weight: Any = None, entry_weight: Any = None, W: Any = None, H: Any = None
    ) -> _Self: ...
    def fit_transform(
        self, X: Any, y: Any = None, *, sample_weight: Any = None, entry_weight: Any = None, W: Any = None, H: Any = None
    ) -> Any: ...
    def transform(self, X: Any) -> Any: ...
    def inverse_transform(self, X: Any) -> NDArray[Any]: ...
    def score(self, X: Any, y: Any = None) -> float: ...
    def audit(self, X: Any, *, lines: int = 50, points: int = 1, seed: int | None = None) -> Audit: ...
    def flatness(self, X: Any, *, steps: int = 60, seed: int = 0) -> Flatness: ...

class NMF(Factorization):
    n_components: Any
    init: Any
    solver: Any
    beta_loss: Any
    tol: Any
    max_iter: Any
    random_state: Any
    alpha_W: Any
    alpha_H: Any
    l1_ratio: Any
    l2: Any
    l1: Any
    penalty_scaling: Any
    sum_to_one: Any
    restarts: Any
    holdout: Any
    missing: Any
    batch_size: Any
    max_time: Any
    threads: Any
    def __init__(
        self,
        n_components: int | str | None = None,
        *,
        init: str | None = None,
        solver: str | None = None,
        beta_loss: float | str = "frobenius",
        tol: float = 1e-5,
        max_iter: int = 2000,
        random_state: Any = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        l2: float = 0.0,
        l1: float = 0.0,
        penalty_scaling: Literal["entries", "even"] | float = "entries",
        sum_to_one: Literal["W", "H"] | None = None,
        restarts: int = 1,
        holdout: float | None = None,
        missing: Literal["nan", "absent"] = "nan",
        batch_size: int | None = None,
        max_time: float | None = None,
        threads: int | None = None,
    ) -> None: ...

class MiniBatchNMF(NMF):
    n_steps_: int
    n_samples_seen_: int
    def __init__(
        self,
        n_components: int | str | None = None,
        *,
        batch_size: int = 1024,
        init: str | None = None,
        tol: float = 1e-5,
        max_iter: int = 2000,
        random_state: Any = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        l2: float = 0.0,
        l1: float = 0.0,
        penalty_scaling: Literal["entries", "even"] | float = "entries",
        restarts: int = 1,
        holdout: float | None = None,
        missing: Literal["nan", "absent"] = "nan",
        max_time: float | None = None,
        threads: int | None = None,
    ) -> None: ...
    def partial_fit(self: _Online, X: Any, y: Any = None) -> _Online: ...

def rank(n_components: int | str | None, shape: tuple[int, int]) -> int: ...
def loss(beta_loss: float | str) -> str: ...
def row_sets(sum_to_one: str | None) -> tuple[str, str]: ...
def penalty(l2: float, l1: float, scaling: str = "entries") -> dict[str, Any]: ...
def alphas(alpha_W: float, alpha_H: float | str, l1_ratio: float) -> dict[str, Any] | None: ...
def whole(name: str, value: Any, least: int) -> int: ...
def number(name: str, value: Any, least: float) -> float: ...
