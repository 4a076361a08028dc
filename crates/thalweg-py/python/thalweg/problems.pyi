from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._thalweg import Instance

class Problem:
    labels: tuple[NDArray[np.object_] | None, NDArray[np.object_] | None]
    def __init__(
        self, instance: Instance, labels: tuple[NDArray[np.object_] | None, NDArray[np.object_] | None] = (None, None)
    ) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def measurements(self) -> int: ...

class Sensing(Problem):
    def __init__(self, A: Any, b: Any) -> None: ...

class Bilinear(Problem):
    def __init__(self, a: Any, c: Any, b: Any) -> None: ...

class Quadratic(Problem):
    def __init__(self, x: Any, b: Any) -> None: ...

class Completion(Problem):
    def __init__(self, X: Any) -> None: ...
