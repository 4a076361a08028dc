"""Ctrl-C, other threads, and forked processes."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from conftest import planted

import thalweg


def interrupt_after(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_ctrl_c_ends_a_fit_and_leaves_what_was_found():
    X = planted(600, 400, 5, noise=0.5)
    # multiplicative updates take long to come to rest
    model = thalweg.NMF(20, solver="mu", tol=0.0, max_iter=10**9, restarts=2)
    interrupt_after(0.5)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert model.status_ == "stopped" and model.n_iter_ > 0
    assert model.objective_ == pytest.approx(0.5 * ((X - model.result_.U @ model.components_) ** 2).sum(), rel=1e-9)
    assert model.transform(X[:9]).shape == (9, 20)


def test_ctrl_c_ends_a_survey():
    interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        thalweg.rank_sweep(planted(120, 80, 5, noise=0.5), (1, 30), tol=0.0, max_iter=10**7)


def test_other_threads_go_on_meanwhile():
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    with pytest.warns(UserWarning):
        thalweg.NMF(10, tol=0.0, max_iter=10**9, max_time=0.5, threads=1).fit(planted(200, 100, 5, noise=0.5))
    done.set()
    thread.join()
    assert len(ticks) > 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_fits_as_well():
    X = planted(40, 30, 3)
    expected = thalweg.NMF(3, threads=2).fit(X).components_
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(thalweg.NMF(3, threads=2).fit(X).components_, expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
