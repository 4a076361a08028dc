import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal, overload

from ._figures import Figure
from ._record import Record

_Path = str | os.PathLike[str]
_Scale = Literal["smoke", "reduced", "full"]
_Values = tuple[str, float, float, int]

class Reproduction(Record):
    paper: str
    item: str
    verdict: list[str]
    checks: list[dict[str, Any]]
    figures: list[Figure]
    trials: int
    trials_done: int
    page: str | None
    def to_frame(self) -> Any: ...
    def plot(self, ax: Any = None, figure: int | str = 0) -> Any: ...

@overload
def reproduce(  # type: ignore[overload-overlap]
    paper: str,
    item: None | Literal["all"] = None,
    *,
    scale: _Scale = "reduced",
    dir: _Path | None = None,
    data: _Path | None = None,
    shard: tuple[int, int] = (1, 1),
    merge: Iterable[_Path] = (),
    max_time: float | None = None,
    threads: int | None = None,
) -> list[Reproduction]: ...
@overload
def reproduce(
    paper: str,
    item: str,
    *,
    scale: _Scale = "reduced",
    dir: _Path | None = None,
    data: _Path | None = None,
    shard: tuple[int, int] = (1, 1),
    merge: Iterable[_Path] = (),
    max_time: float | None = None,
    threads: int | None = None,
) -> Reproduction: ...
def phase_diagram(
    model: Literal["sensing", "bilinear", "quadratic", "completion"],
    x: _Values,
    y: _Values,
    *,
    at: Mapping[str, float] | None = None,
    trials: int = 10,
    seed: int = 0,
    dir: _Path | None = None,
    shard: tuple[int, int] = (1, 1),
    merge: Iterable[_Path] = (),
    max_time: float | None = None,
    threads: int | None = None,
) -> Reproduction: ...
def experiments(paper: str | None = None, *, data: _Path | None = None) -> list[dict[str, Any]]: ...
