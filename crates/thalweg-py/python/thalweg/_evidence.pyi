from collections.abc import Iterable
from typing import Any, Literal

from ._records import Audit, Flatness, Line, RankSweep

def audit(
    X: Any,
    model: Any,
    *,
    lines: int = 50,
    points: int = 1,
    seed: int | None = None,
    sample_weight: Any = None,
    entry_weight: Any = None,
    threads: int | None = None,
) -> Audit: ...
def line(
    X: Any, a: Any, b: Any, *, missing: Literal["nan", "absent"] = "nan", sample_weight: Any = None, entry_weight: Any = None
) -> Line: ...
def flatness(
    X: Any,
    at: Any,
    *,
    steps: int = 60,
    seed: int = 0,
    missing: Literal["nan", "absent"] = "nan",
    sample_weight: Any = None,
    entry_weight: Any = None,
    threads: int | None = None,
) -> Flatness: ...
def rank_sweep(
    X: Any,
    ranks: int | Iterable[int],
    *,
    holdout: float | None = None,
    repeats: int = 8,
    restarts: int = 5,
    max_iter: int = 200,
    tol: float = 1e-3,
    l2: float = 0.0,
    l1: float = 0.0,
    seed: int = 0,
    missing: Literal["nan", "absent"] = "nan",
    threads: int | None = None,
) -> RankSweep: ...
