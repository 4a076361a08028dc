"""Every container and layout holds the same matrix."""

import numpy as np
import pytest
import scipy.sparse as sp

import thalweg
from thalweg._arrays import as_data


def components(X, **params):
    return thalweg.NMF(3, tol=1e-3, **params).fit(X).components_


def test_layouts_of_an_array(X, tmp_path):
    expected = components(X)
    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]))
    wide[::2, ::-2] = X
    np.save(tmp_path / "x.npy", X)
    read_only = X.copy()
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(X.shape)
    layouts = {
        "Fortran": np.asfortranarray(X),
        "strided": wide[::2, ::-2],
        "read-only": read_only,
        "mapped": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "other byte order": X.astype(X.dtype.newbyteorder()),
        "unaligned": unaligned,
        "lists": X.tolist(),
    }
    for name, array in layouts.items():
        assert np.array_equal(components(array), expected), name


def test_numbers_of_other_types():
    X = np.random.default_rng(0).integers(0, 50, (30, 20))
    expected = components(X.astype(float))
    for kind in (np.int64, np.int32, np.uint8, np.longdouble, object):
        assert np.array_equal(components(X.astype(kind)), expected), kind
    assert components((X > 20).astype(bool)).dtype == np.float64


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_matrix, sp.coo_matrix, sp.csr_array, sp.csc_array, sp.coo_array])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_matrices(kind, index):
    rng = np.random.default_rng(3)
    X = np.where(rng.random((40, 30)) < 0.2, rng.random((40, 30)), 0.0)
    rows = sp.csr_array(X)
    rows.indices, rows.indptr = rows.indices.astype(index), rows.indptr.astype(index)
    sparse = kind(rows)
    data = as_data(sparse)
    assert (data.kind, data.shape, data.observed) == ("sparse", (40, 30), 1200)
    assert as_data(sparse, missing="absent").observed == sparse.nnz
    model = thalweg.NMF(3, tol=1e-3).fit(sparse)
    assert model.objective_ == pytest.approx(0.5 * ((X - model.result_.U @ model.components_) ** 2).sum(), rel=1e-9)
    assert np.allclose(model.transform(sparse), model.transform(X), rtol=1e-9, atol=1e-12)
    assert components(sparse.astype(np.float32)).dtype == np.float32


def test_nan_in_a_sparse_matrix_is_unobserved():
    X = np.zeros((6, 5))
    X[np.arange(5), np.arange(5)] = 2.0
    holes = sp.csr_array(X)
    holes.data[1] = np.nan
    data = as_data(holes)
    assert (data.kind, data.observed) == ("observed", 29)
    assert as_data(holes, missing="absent").observed == 4


def test_corrupt_sparse_matrices_are_refused():
    good = sp.csr_array(np.eye(4))
    for spoil, sentence in [
        (lambda m: m.indices.__setitem__(0, 900), "column index 900 of 4 columns"),
        (lambda m: m.indices.__setitem__(0, -1), "column index -1"),
        (lambda m: m.indptr.__setitem__(1, 3), "row starts do not rise"),
        (lambda m: m.indptr.__setitem__(-1, 2), "row starts do not rise"),
    ]:
        bad = good.copy()
        spoil(bad)
        with pytest.raises(ValueError, match=sentence):
            as_data(bad)
    twice = sp.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    csr = sp.csr_array((np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 2, 2])), shape=(2, 2))
    assert as_data(csr).shape == as_data(twice).shape == (2, 2)


def test_frames_keep_their_names(X):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, index=[f"s{i}" for i in range(len(X))], columns=[f"f{j}" for j in range(X.shape[1])])
    model = thalweg.NMF(3, tol=1e-3).set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    assert list(out.index) == list(frame.index) and list(out.columns) == ["nmf0", "nmf1", "nmf2"]
    assert list(model.feature_names_in_) == list(frame.columns)
    assert np.array_equal(model.components_, components(X))
    result = model.result_
    assert list(result.to_frame("U").index) == list(frame.index) and list(result.to_frame("V").index) == list(frame.columns)
    assert np.array_equal(result.to_frame("V").to_numpy().T, model.components_)
    assert list(result.to_frame().columns)[:2] == ["restart", "seconds"]
    with pytest.raises(ValueError, match="of is 'W'"):
        result.to_frame("W")


def test_polars_and_xarray_keep_their_names(X):
    polars, xarray = pytest.importorskip("polars"), pytest.importorskip("xarray")
    columns = [f"f{j}" for j in range(X.shape[1])]
    frame = polars.DataFrame(X, schema=columns)
    model = thalweg.NMF(3, tol=1e-3).set_output(transform="polars").fit(frame)
    assert list(model.result_.column_labels) == columns and model.result_.row_labels is None
    assert model.transform(frame).columns == ["nmf0", "nmf1", "nmf2"]
    assert np.array_equal(model.components_, components(X))
    times = np.arange(len(X)) * 0.5
    labelled = xarray.DataArray(X, dims=("time", "gene"), coords={"time": times, "gene": columns})
    model = thalweg.NMF(3, tol=1e-3).set_output(transform="pandas").fit(labelled)
    assert list(model.result_.row_labels) == list(times) and list(model.result_.to_frame("V").index) == columns
    assert list(model.transform(labelled).index) == list(times)
    assert np.array_equal(model.components_, components(X))


def test_no_copy_of_a_c_ordered_array():
    import subprocess
    import sys

    # 200 MB of data: a copy would show
    code = """
import resource, numpy as np, thalweg
from thalweg._arrays import as_data
X = np.random.default_rng(0).random((5000, 5000))
as_data(np.eye(3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = as_data(X)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / X.nbytes)
"""
    grown = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert grown < 0.05, grown


def test_bad_shapes(X):
    for bad, sentence in [(X[0], "Reshape your data"), (X[None], "dim|dimensions"), (X[:0], "0 sample|0 samples"), (X + 1j, "Complex data not supported")]:
        with pytest.raises(ValueError, match=sentence):
            thalweg.NMF(2).fit(bad)
    with pytest.raises(ValueError, match="sample_weight"):
        thalweg.NMF(2).fit(X, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="weights"):
        thalweg.NMF(2).fit(X, sample_weight=-np.ones(len(X)))
