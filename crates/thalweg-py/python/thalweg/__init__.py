"""Factor and recover matrices, and see how far to trust the answer.

>>> import numpy as np, thalweg
>>> X = np.random.default_rng(0).random((60, 40))
>>> model = thalweg.NMF(5, random_state=0).fit(X)
>>> model.status_
'converged'
>>> print(model.audit(X))            # doctest: +SKIP

Every class and function is at the top of the package; ``thalweg.landscape`` looks at the landscape of any loss, ``thalweg.scanpy`` writes
into AnnData. NumPy is all that is needed; scikit-learn, SciPy, pandas, polars and matplotlib are used where they are there.
"""

from importlib import import_module as _import_module

from ._thalweg import VERSION as __version__

# where each name is, so that `import thalweg` loads no more than is used
_HOMES = {
    "NMF": "_nmf",
    "MiniBatchNMF": "_nmf",
    "MatrixCompletion": "_recovery",
    "RobustPCA": "_recovery",
    "ConvergenceWarning": "_estimator",
    "NotFittedError": "_estimator",
    "Audit": "_records",
    "Fit": "_records",
    "Line": "_records",
    "RankSweep": "_records",
    "Flatness": "_records",
    "Figure": "_figures",
    "Reproduction": "_experiments",
    "audit": "_evidence",
    "flatness": "_evidence",
    "line": "_evidence",
    "rank_sweep": "_evidence",
    "Recovery": "_recovery",
    "recover": "_recovery",
    "verify": "_recovery",
    "reproduce": "_experiments",
    "experiments": "_experiments",
    "phase_diagram": "_experiments",
    "report": "_report",
}
_MODULES = ("landscape", "problems", "scanpy")

__all__ = [*_HOMES, *_MODULES, "__version__"]


def __getattr__(name):
    if name in _MODULES:
        return _import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_import_module(f"{__name__}.{home}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
