"""AnnData in, AnnData out."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import planted

import thalweg


def data():
    X = planted(30, 20, 3)
    try:
        from anndata import AnnData
    except ImportError:
        import pandas

        var = pandas.DataFrame(index=[f"g{j}" for j in range(20)])
        return SimpleNamespace(X=X, layers={}, obsm={}, varm={}, uns={}, var=var)
    return AnnData(X)


def test_factors_are_written_where_scanpy_looks():
    adata = data()
    adata.var["highly_variable"] = np.arange(20) < 15
    adata.layers["counts"] = np.asarray(adata.X) * 2
    model = thalweg.scanpy.nmf(adata, 3, layer="counts", mask_var="highly_variable", random_state=1)
    assert adata.obsm["X_nmf"].shape == (30, 3) and adata.varm["NMF"].shape == (20, 3)
    assert np.isnan(adata.varm["NMF"][15:]).all() and np.array_equal(adata.varm["NMF"][:15], model.components_.T)
    assert adata.uns["nmf"]["status"] == model.status_ and adata.uns["nmf"]["params"]["layer"] == "counts"
    assert np.allclose(adata.obsm["X_nmf"] @ model.components_, np.asarray(adata.X)[:, :15] * 2, atol=1e-3 * np.max(adata.X))
    thalweg.scanpy.nmf(adata, 2, key_added="two", tol=1e-3)
    assert adata.obsm["X_two"].shape == (30, 2)
    with pytest.raises(ValueError):
        thalweg.scanpy.nmf(adata, 0)
