import signal

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
# shells start what runs in the background with Ctrl-C ignored
signal.signal(signal.SIGINT, signal.default_int_handler)


def planted(m, n, r, noise=0.0, seed=0):
    """A non-negative matrix of rank r, with noise that is a share of its mean."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, size=(m, r)) @ rng.gamma(1.0, size=(r, n))
    return X + noise * X.mean() * rng.random((m, n))


@pytest.fixture
def X():
    return planted(60, 40, 4, noise=0.2)
