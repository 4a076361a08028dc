"""What Python adds to a fit: its own CPU time, and memory, as a share of the data's.

    python crates/thalweg-py/tests/overhead.py

The library works in a thread of its own, so that the CPU time of this one is what Python adds: conversions there and back, and looking for signals.
"""

import resource
import time

import numpy as np

import thalweg
from thalweg._arrays import as_data


def peak():
    """Bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


rng = np.random.default_rng(0)
X = rng.gamma(1.0, size=(2000, 20)) @ rng.gamma(1.0, size=(20, 1500)) + rng.random((2000, 1500))
thalweg.NMF(2, max_iter=1, threads=1, tol=1e9).fit(X[:9, :9])

before = peak()
begin = time.perf_counter()
as_data(X)
handed = time.perf_counter() - begin
print(f"handing over {X.nbytes / 1e6:.0f} MB: {1000 * handed:.1f} ms, peak memory + {(peak() - before) / X.nbytes:.1%} of the data")

own, whole = time.thread_time(), time.process_time()
model = thalweg.NMF(20, threads=1, tol=1e-4).fit(X)
own, whole = time.thread_time() - own, time.process_time() - whole
print(f"fit of 2000x1500 at rank 20: {whole:.2f} CPU s, {model.n_iter_} iterations, {model.status_}")
print(f"of that Python: {1000 * own:.1f} ms, {own / whole:.2%}; peak memory + {(peak() - before) / X.nbytes:.1%} of the data")
