"""What was measured of a matrix that is to be recovered."""

import numpy as np

from ._arrays import as_data, names_of
from ._thalweg import Instance


def _array(name, values, ndim):
    values = np.ascontiguousarray(values, dtype=np.float64)
    if values.ndim != ndim:
        raise ValueError(f"{name} has {values.ndim} dimensions, expected {ndim}")
    return values


class Problem:
    """Measurements b of a matrix X of shape ``shape``; ``labels`` are the names of its rows and columns, None where they have none."""

    def __init__(self, instance, labels=(None, None)):
        self._instance, self.labels = instance, labels

    @property
    def shape(self):
        """The shape of X."""
        return self._instance.shape

    @property
    def measurements(self):
        """How many there are."""
        return self._instance.measurements

    def __repr__(self):
        rows, cols = self.shape
        return f"{type(self).__name__}: {self.measurements} measurements of a {rows}x{cols} matrix"


class Sensing(Problem):
    """bᵢ = ⟨Aᵢ, X⟩, with A of shape (p, d1, d2)."""

    def __init__(self, A, b):
        super().__init__(Instance.sensing(_array("A", A, 3), _array("b", b, 1)))


class Bilinear(Problem):
    """bᵢ = aᵢᵀ X cᵢ, with a of shape (p, d1) and c of shape (p, d2)."""

    def __init__(self, a, c, b):
        super().__init__(Instance.bilinear(_array("a", a, 2), _array("c", c, 2), _array("b", b, 1)))


class Quadratic(Problem):
    """bᵢ = xᵢᵀ X xᵢ with X symmetric, with x of shape (p, d)."""

    def __init__(self, x, b):
        super().__init__(Instance.quadratic(_array("x", x, 2), _array("b", b, 1)))


class Completion(Problem):
    """Some entries of X: an array with NaN where nothing was observed, or a sparse matrix of what was."""

    def __init__(self, X):
        super().__init__(Instance.completion(as_data(X, missing="absent")), (names_of(X, 0), names_of(X, 1)))
