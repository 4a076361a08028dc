from typing import Any

from ._nmf import NMF

def nmf(
    adata: Any, n_components: int, *, layer: str | None = None, key_added: str = "nmf", mask_var: Any = None, **params: Any
) -> NMF: ...
