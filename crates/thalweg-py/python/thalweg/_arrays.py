"""Whatever holds a matrix, as the compiled half takes it."""

import numpy as np

from ._thalweg import Data


def is_sparse(X):
    """Whether this is a SciPy sparse matrix or array, without importing SciPy."""
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def as_data(X, *, missing="nan", sample_weight=None, entry_weight=None):
    """The matrix X with its weights.

    ``missing="nan"``: NaN is unobserved, what a sparse matrix does not store is zero; ``"absent"``: that, too, is unobserved.
    """
    if missing not in ("nan", "absent"):
        raise ValueError(f"missing is {missing!r}, expected 'nan' or 'absent'")
    if isinstance(X, Data):
        data = X
    elif is_sparse(X):
        data = _of_sparse(X, missing == "absent")
    else:
        data = Data.dense(dense(X))
    if sample_weight is not None:
        data = data.weighted_rows(_weights(sample_weight, "sample_weight", 1, data.shape[0]))
    if entry_weight is not None:
        data = data.weighted_entries(_weights(entry_weight, "entry_weight", 2, data.shape))
    return data


def _weights(weights, name, ndim, shape):
    if np.isscalar(weights):
        weights = np.full(shape, float(weights))
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != ndim:
        raise ValueError(f"{name} has {weights.ndim} dimensions, expected {ndim}")
    return weights


def dense(X):
    """A two-dimensional array of float64 or float32, without a copy where X is one; masked entries become NaN."""
    if isinstance(X, np.ma.MaskedArray):
        X = X.astype(_precision(X.dtype)).filled(np.nan)
    X = np.asarray(X)
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {X.dtype}")
    if X.dtype.kind in "OUS" or X.dtype != _precision(X.dtype):
        X = X.astype(_precision(X.dtype))
    if not X.flags.aligned:
        X = X.copy()
    if X.ndim != 2:
        raise ValueError(f"X has {X.ndim} dimensions, expected 2: a row for each sample, a column for each feature. Reshape your data.")
    return X


def _precision(dtype):
    """In its machine's byte order."""
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize == 4 else np.float64)


def _of_sparse(X, absent):
    if X.ndim != 2:
        raise ValueError(f"X has {X.ndim} dimensions, expected 2")
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {X.dtype}")
    rows = X.tocsr()
    whole = [np.ascontiguousarray(indices, dtype=np.int64) for indices in (rows.indptr, rows.indices)]
    return Data.sparse(rows.shape, *whole, rows.data.astype(_precision(rows.dtype), copy=False), absent)


def names_of(X, axis):
    """The labels of rows (0) or columns (1) where X has some: an index of pandas, columns of polars, coordinates of xarray."""
    if axis == 1 and hasattr(X, "columns"):
        labels = X.columns
    elif axis == 0 and hasattr(X, "index") and hasattr(X, "columns"):
        labels = X.index
    elif hasattr(X, "coords") and hasattr(X, "dims") and len(X.dims) == 2 and X.dims[axis] in X.coords:
        labels = X.coords[X.dims[axis]].values
    else:
        return None
    return np.asarray(labels, dtype=object)
