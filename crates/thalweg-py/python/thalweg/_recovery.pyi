from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._estimator import Estimator
from ._nmf import Factorization
from ._record import Record
from ._records import Flatness
from .problems import Problem

_Self = TypeVar("_Self", bound="RobustPCA")

class Recovery(Record):
    X: NDArray[np.float64]
    multiplier: NDArray[np.float64]
    def __init__(self, record: dict[str, Any], problem: Problem, aim: dict[str, Any]) -> None: ...
    @property
    def certified(self) -> bool | None: ...
    @property
    def margin(self) -> float | None: ...
    def certify(self, threads: int | None = None) -> Recovery: ...
    def flatness(self, *, steps: int = 60, seed: int = 0) -> Flatness: ...
    def to_frame(self) -> Any: ...
    def plot(self, ax: Any = None) -> Any: ...

def recover(
    problem: Problem,
    *,
    objective: Literal["nuclear", "flat"] = "nuclear",
    noise: float | None = None,
    penalty: float | None = None,
    positive: bool = False,
    certify: bool = False,
    tol: float = 1e-9,
    max_iter: int = 5000,
    max_time: float | None = None,
    threads: int | None = None,
) -> Recovery: ...
def verify(
    problem: Problem,
    X: Any,
    multiplier: Any,
    rank: int,
    *,
    objective: Literal["nuclear", "flat"] = "nuclear",
    noise: float | None = None,
    penalty: float | None = None,
    positive: bool = False,
    threads: int | None = None,
) -> dict[str, Any]: ...

class MatrixCompletion(Factorization):
    n_components: Any
    l2: Any
    biases: Any
    missing: Any
    tol: Any
    max_iter: Any
    random_state: Any
    restarts: Any
    holdout: Any
    max_time: Any
    threads: Any
    def __init__(
        self,
        n_components: int = 2,
        *,
        l2: float = 0.02,
        biases: bool = False,
        missing: Literal["nan", "absent"] = "absent",
        tol: float = 1e-5,
        max_iter: int = 2000,
        random_state: Any = None,
        restarts: int = 1,
        holdout: float | None = None,
        max_time: float | None = None,
        threads: int | None = None,
    ) -> None: ...
    def entries(self, rows: Any, cols: Any) -> NDArray[Any]: ...
    def completed(self) -> NDArray[Any]: ...

class RobustPCA(Estimator):
    weight: Any
    tol: Any
    max_iter: Any
    certify: Any
    max_time: Any
    threads: Any
    low_rank_: NDArray[np.float64]
    sparse_: NDArray[np.float64]
    rank_: int
    n_iter_: int
    status_: str
    objective_: float
    weight_: float
    certificate_: Any
    def __init__(
        self,
        weight: float | None = None,
        *,
        tol: float = 1e-4,
        max_iter: int = 1000,
        certify: bool = True,
        max_time: float | None = None,
        threads: int | None = None,
    ) -> None: ...
    def fit(self: _Self, X: Any, y: Any = None) -> _Self: ...
    def transform(self, X: Any) -> Any: ...
    def fit_transform(self, X: Any, y: Any = None) -> Any: ...
