"""Ctrl-C, other threads, and forked processes."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from conftest import planted

import thalweg


def interrupted(call, after=0.3):
    """What Ctrl-C makes of a call that would go on for many seconds: the exception, raised within a second or so."""
    ctrl_c = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    begin = time.perf_counter()
    ctrl_c.start()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            call()
    finally:
        # a call that ended by itself must not have the signal reach the test runner
        ctrl_c.cancel()
    assert time.perf_counter() - begin < after + 10.0, "on a busy machine; on a quiet one it takes a tenth of a second"
    return caught.value


def test_ctrl_c_ends_a_fit_and_leaves_what_was_found():
    X = planted(600, 400, 5, noise=0.5)
    # multiplicative updates take long to come to rest
    model = thalweg.NMF(20, solver="mu", tol=0.0, max_iter=10**9, restarts=2)
    interrupted(lambda: model.fit(X))
    assert model.status_ == "stopped" and model.n_iter_ > 0
    assert model.objective_ == pytest.approx(0.5 * ((X - model.result_.U @ model.components_) ** 2).sum(), rel=1e-9)
    assert model.transform(X[:9]).shape == (9, 20)


def test_ctrl_c_ends_a_survey():
    X = planted(120, 80, 5, noise=0.5)
    interrupted(lambda: thalweg.rank_sweep(X, (1, 30), tol=0.0, max_iter=10**7))


def test_ctrl_c_ends_an_audit_and_a_transform():
    X = planted(700, 600, 5, noise=0.5)
    with pytest.warns(UserWarning):
        model = thalweg.NMF(20, max_iter=2).fit(X)
    interrupted(lambda: model.audit(X, lines=10**4))
    # rows of Kullback-Leibler problems take milliseconds each
    divergence = thalweg.NMF(20, beta_loss="kullback-leibler", max_iter=2)
    with pytest.warns(UserWarning):
        divergence.fit(X)
    rows = np.tile(X, (10, 1))
    interrupted(lambda: divergence.transform(rows))


def test_ctrl_c_ends_a_separation_and_leaves_what_was_found():
    X = np.random.default_rng(0).normal(size=(400, 300))
    model = thalweg.RobustPCA(tol=1e-15, max_iter=10**6)
    interrupted(lambda: model.fit(X))
    assert model.status_ == "stopped" and model.n_iter_ > 0 and model.certificate_ is None
    assert model.low_rank_.shape == model.sparse_.shape == X.shape and model.transform(X).shape == (400, model.rank_)


def test_ctrl_c_ends_a_recovery_and_leaves_what_was_found():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(500, 30, 30))
    problem = thalweg.problems.Sensing(A, rng.normal(size=500))
    found = interrupted(lambda: thalweg.recover(problem, noise=1.0, tol=1e-300, max_iter=10**9)).result
    assert found.status == "stopped" and found.X.shape == (30, 30) and found.certified is None


def test_ctrl_c_ends_trials_and_leaves_what_was_found(tmp_path):
    sweep = {"x": ("rate", 1.0, 8.0, 40), "y": ("d", 5, 45, 40)}
    found = interrupted(lambda: thalweg.phase_diagram("sensing", **sweep, trials=50, dir=tmp_path), after=1.0).result
    assert 0 <= found.trials_done < found.trials == 1600
    assert found.page and (tmp_path / "sensing.json").exists()
    item = interrupted(lambda: thalweg.reproduce("star-convexity", "theorem1", scale="full")).result
    assert item.trials_done < item.trials and item.verdict


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
