from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._figures import Figure
from ._record import Record

class Restart(Record):
    U: NDArray[Any]
    V: NDArray[Any]
    def __init__(self, record: dict[str, Any], U: NDArray[Any], V: NDArray[Any]) -> None: ...

class Fit(Record):
    U: NDArray[Any]
    V: NDArray[Any]
    restarts: list[Restart]
    settings: dict[str, Any]
    input: dict[str, Any]
    manifest: dict[str, Any]
    history: NDArray[np.float64]
    row_labels: NDArray[np.object_] | None
    column_labels: NDArray[np.object_] | None
    @classmethod
    def of(
        cls,
        manifest: dict[str, Any],
        answers: list[NDArray[Any]],
        history: NDArray[np.float64],
        labels: tuple[NDArray[np.object_] | None, NDArray[np.object_] | None] = (None, None),
    ) -> Fit: ...
    def to_frame(self, of: Literal["history", "U", "V"] = "history") -> Any: ...
    def plot(self, ax: Any = None) -> Any: ...

class Audit(Record):
    verdict: str
    def to_frame(self) -> Any: ...
    def plot(self, ax: Any = None) -> Any: ...

class Line(Record):
    def __call__(self, at: Any) -> Any: ...
    def to_frame(self, points: int = 101) -> Any: ...
    def plot(self, ax: Any = None) -> Any: ...

class RankSweep(Record):
    def recommend(self) -> int | None: ...
    def to_frame(self) -> Any: ...
    def plot(self, ax: Any = None) -> Any: ...

class Flatness(Record):
    figure: Figure
    trace: float
    scaled_trace: float
    least_scaled_trace: float | None
    excess: float | None
    misfit: float
    sentence: str
    def to_frame(self) -> Any: ...
    def plot(self, ax: Any = None) -> Any: ...
