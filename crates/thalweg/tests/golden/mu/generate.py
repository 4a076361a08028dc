"""Iterates of scikit-learn's multiplicative updates from a shared start, for tests/laws/losses.rs.

    pip install scikit-learn    # versions.txt has the version that was used
    python generate.py          # writes mu.npz beside this file

The data and starts are drawn here, positive and away from zero, so that no guard of either program is met.
"""

import warnings
from pathlib import Path

import numpy
import scipy
import sklearn
from sklearn.decomposition import _nmf

warnings.filterwarnings("ignore")
HERE = Path(__file__).parent
random = numpy.random.default_rng(20240501)
m, n, r, iterations = 17, 13, 4, 25
arrays = {
    "X": random.gamma(2.0, 1.5, (m, n)) + 0.05,
    "U": random.uniform(0.2, 1.5, (m, r)),
    "V": random.uniform(0.2, 1.5, (n, r)),
}
counts = random.poisson(0.7, (m, n)).astype(float)
counts[counts.sum(axis=1) == 0, 0] = 1.0
counts[0, counts.sum(axis=0) == 0] = 1.0
arrays["counts"] = counts
losses = {"frobenius": 2.0, "kl": 1.0, "is": 0.0, "beta:0.5": 0.5, "beta:1.5": 1.5, "beta:3": 3.0, "beta:-1": -1.0}
for name, beta in losses.items():
    u, vt, _ = _nmf._fit_multiplicative_update(
        arrays["X"], arrays["U"].copy(), arrays["V"].T.copy(), beta_loss=beta, max_iter=iterations, tol=0
    )
    arrays[f"{name} U"], arrays[f"{name} V"] = u, vt.T.copy()
    arrays[f"{name} objective"] = numpy.array([_nmf._beta_divergence(arrays["X"], u, vt, beta)])
sparse = scipy.sparse.csr_matrix(counts)
for name in ["frobenius", "kl"]:
    u, vt, _ = _nmf._fit_multiplicative_update(
        sparse, arrays["U"].copy(), arrays["V"].T.copy(), beta_loss=losses[name], max_iter=iterations, tol=0
    )
    arrays[f"sparse {name} U"], arrays[f"sparse {name} V"] = u, vt.T.copy()
numpy.savez(HERE / "mu.npz", **arrays)
(HERE / "versions.txt").write_text(f"numpy {numpy.__version__}\nscipy {scipy.__version__}\nscikit-learn {sklearn.__version__}\n")
