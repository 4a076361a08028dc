"""Factorisations of AnnData, written back the way scanpy writes its own."""

import numpy as np

from ._nmf import NMF


def nmf(adata, n_components, *, layer=None, key_added="nmf", mask_var=None, **params):
    """Fits :class:`thalweg.NMF` to ``adata.X`` or a layer of it.

    Writes ``obsm["X_nmf"]`` (cells × components), ``varm["NMF"]`` (genes × components, NaN for genes that were left out) and
    ``uns["nmf"]`` (parameters, status, objective, relative error); another ``key_added`` gives other names. ``mask_var``: the genes to use,
    as a mask or the name of a column of ``adata.var``. Returns the fitted estimator.
    """
    X = adata.X if layer is None else adata.layers[layer]
    mask = adata.var[mask_var] if isinstance(mask_var, str) else mask_var
    mask = np.ones(X.shape[1], dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    model = NMF(n_components, **params)
    U = model.set_output(transform="default").fit_transform(X if mask.all() else X[:, mask])
    V = np.full((X.shape[1], model.n_components_), np.nan, dtype=model.components_.dtype)
    V[mask] = model.components_.T
    adata.obsm[f"X_{key_added}"] = U
    adata.varm[key_added.upper()] = V
    fit = model.result_
    given = {"layer": layer, "mask_var": mask_var if isinstance(mask_var, str) else None, **params}
    adata.uns[key_added] = {
        "params": {"n_components": model.n_components_, **{k: v for k, v in given.items() if v is not None}},
        "method": fit.settings["method"],
        "status": fit.status,
        "objective": fit.objective,
        "relative_error": fit.relative_error,
        "kkt": fit.kkt,
    }
    return model
