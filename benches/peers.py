"""Other programs on the same files. Each peer either goes on from where it stood, or is run anew for each length of run.

`OPENBLAS_CORETYPE=SkylakeX` gives NumPy its AVX-512 kernels; it is set for every method whose name does not end in `-avx2`.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from problems import kind, load, load_held, limit, objective, rank, rmse

PEERS = {
    "dense": ["sklearn-call", "sklearn-cd", "sklearn-cd-avx2", "sklearn-cd-f32", "sklearn-mu", "sklearn-minibatch", "rnmf", "ao-admm", "nmf-rs-ehals",
              "nmf-torch-halsvar", "mlpack-als", "rcppml"],
    "sparse": ["sklearn-call", "sklearn-cd", "sklearn-cd-f32", "sklearn-mu", "sklearn-minibatch", "ao-admm", "rcppml"],
    "observed": ["cmfrec", "cmfrec@10", "libmf", "libmf@0.05", "libmf@0.1"],
}
PACKAGES = ["numpy", "scipy", "scikit-learn", "cmfrec", "libmf", "nmf-rs", "nmf-torch", "mlpack"]


# ---- peers that go on from given factors: generators that are sent how many iterations to do ---------------------------------------------


def sklearn_steps(solver, dtype):
    def steps(x, u, v):
        from sklearn.decomposition import non_negative_factorization
        import warnings

        warnings.simplefilter("ignore")
        w, h = u.astype(dtype), v.T.astype(dtype).copy()
        while True:
            count = yield w, h.T
            # without a memory from one iteration to the next, going on from W and H is the same run
            w, h, _ = non_negative_factorization(
                x, W=w, H=h, n_components=u.shape[1], init="custom", solver=solver, max_iter=count, tol=0, shuffle=False
            )

    return steps


def rnmf_steps(x, u, v):
    """Randomised HALS of Erichson et al. (2018) as ristretto does it: X ~ QB by two subspace iterations, oversampling 20, then
    scikit-learn's compiled coordinate descent. ristretto itself does not install any more."""
    import numpy as np
    from sklearn.decomposition._cdnmf_fast import _update_cdnmf_fast as descend

    yield u, v
    r = u.shape[1]
    y = x @ np.random.default_rng(0).random((x.shape[1], min(r + 20, min(x.shape))))
    for _ in range(2):
        z = np.linalg.qr(x.T @ np.linalg.qr(y)[0])[0]
        y = x @ z
    q = np.linalg.qr(y)[0]
    b = q.T @ x
    w, h = u.copy(), v.copy()
    order = np.arange(r)
    small = q.T @ w
    while True:
        count = yield w, h
        for _ in range(count):
            descend(h, w.T @ w, b.T @ small, order)
            descend(w, h.T @ h, q @ (b @ h), order)
            small = q.T @ w


def admm_steps(x, u, v):
    """Block solves by the alternating direction method of multipliers, as in PLANC (Huang, Sidiropoulos, Liavas 2016): five inner
    iterations, penalty tr(G)/r, duals kept. NumPy; PLANC itself has to be built by hand."""
    import numpy as np

    sides = [[u.copy(), np.zeros_like(u)], [v.copy(), np.zeros_like(v)]]
    xt = x.T.tocsr() if hasattr(x, "tocsr") else x.T
    while True:
        count = yield sides[0][0], sides[1][0]
        for _ in range(count):
            for here, there, data in ((0, 1, x), (1, 0, xt)):
                held = sides[there][0]
                gram, cross = held.T @ held, data @ held
                rho = np.trace(gram) / len(gram)
                inverse = np.linalg.inv(gram + rho * np.eye(len(gram)))
                rows, dual = sides[here]
                for _ in range(5):
                    free = (cross + rho * (rows + dual)) @ inverse
                    rows = np.maximum(free - dual, 0.0)
                    dual += rows - free
                sides[here] = [rows, dual]


STEPS = {
    "sklearn-cd": sklearn_steps("cd", "f8"),
    "sklearn-cd-avx2": sklearn_steps("cd", "f8"),
    "sklearn-cd-f32": sklearn_steps("cd", "f4"),
    "sklearn-mu": sklearn_steps("mu", "f8"),
    "rnmf": rnmf_steps,
    "ao-admm": admm_steps,
}


# ---- peers that are run anew for each number of iterations: functions of (x, u, v, iterations, threads, ridge) ---------------------------


def sklearn_minibatch(x, u, v, iterations, threads, ridge):
    from sklearn.decomposition import MiniBatchNMF
    import warnings

    warnings.simplefilter("ignore")
    model = MiniBatchNMF(u.shape[1], init="custom", max_iter=iterations, tol=0, max_no_improvement=None, random_state=0)
    w = model.fit_transform(x, W=u.copy(), H=v.T.copy())
    return w, model.components_.T


def nmf_rs(x, u, v, iterations, threads, ridge):
    import nmf_rs

    fit = nmf_rs.nmf(x, u.shape[1], method="ehals", W0=u, H0=v.T.copy(), max_iter=iterations, num_threads=threads)
    return fit.W, fit.H.T


def nmf_torch(x, u, v, iterations, threads, ridge):
    """Its own start: `run_nmf` takes none. It looks at its loss, which it then needs, every tenth iteration."""
    import nmf

    count = 10 * iterations
    h, w, _ = nmf.run_nmf(x, u.shape[1], init="random", algo="halsvar", tol=0, n_jobs=threads, fp_precision="double", batch_max_iter=count)
    return h, w.T


nmf_torch.each = 10


def mlpack_als(x, u, v, iterations, threads, ridge):
    import mlpack

    done = mlpack.nmf(input_=x, rank=u.shape[1], initial_w=u.copy(), initial_h=v.T.copy(), max_iterations=iterations, min_residue=1e-300,
                      update_rules="als")
    return done["w"], done["h"].T


def cmfrec(x, u, v, iterations, threads, ridge):
    """Its own start: none can be given."""
    import numpy as np
    from cmfrec import CMF

    model = CMF(k=u.shape[1], lambda_=ridge, method="als", use_cg=False, user_bias=False, item_bias=False, center=False, nonneg=True,
                niter=iterations, nthreads=threads, verbose=False, precompute_for_predictions=False, random_state=1, max_cd_steps=100)
    model.fit(x)
    return np.asarray(model.A_), np.asarray(model.B_)


def libmf(x, u, v, iterations, threads, ridge):
    """LIBMF's stochastic gradient in single precision, free running over its threads; its own start and step 0.1."""
    import numpy as np
    from libmf import mf

    model = mf.MF(k=u.shape[1], nr_threads=threads, nr_iters=iterations, lambda_p2=ridge, lambda_q2=ridge, do_nmf=True, quiet=True)
    model.fit(np.column_stack([x.row, x.col, x.data]).astype(np.float32))
    # row by row; a row that no entry mentions is not a number there
    p = np.nan_to_num(np.ctypeslib.as_array(model.model.P, (model.model.m, model.model.k)))
    q = np.nan_to_num(np.ctypeslib.as_array(model.model.Q, (model.model.n, model.model.k)))
    pad = lambda f, rows: np.vstack([f, np.zeros((rows - len(f), f.shape[1]))])
    return pad(p, len(u)), pad(q, len(v))


RUNS = {
    "sklearn-minibatch": sklearn_minibatch,
    "nmf-rs-ehals": nmf_rs,
    "nmf-torch-halsvar": nmf_torch,
    "mlpack-als": mlpack_als,
    "cmfrec": cmfrec,
    "libmf": libmf,
}


# ---- traces ------------------------------------------------------------------------------------------------------------------------------


def trace(name, method, work, threads):
    """Rows of (seconds, iterations, objective[, RMSE of held-out entries]); CPU seconds with one thread, elapsed ones with more."""
    import numpy as np

    clock = time.process_time if threads == 1 else time.perf_counter
    x, u, v = load(name, work)
    held, observed = load_held(name, work), kind(name) == "observed"
    label, _, ridge = method.partition("@")

    def row(seconds, iterations, w, h):
        return (seconds, iterations, objective(x, w, h, observed)) + (() if held is None else (rmse(held, w, h),))

    if label == "sklearn-call":
        return [row(*sklearn_call(x, rank(name), clock))]
    if label == "rcppml":
        return [row(*r) for r in rcppml(x, rank(name), work / name, limit(name), threads)]
    if label in RUNS:
        return trace_anew(RUNS[label], row, x.tocoo() if observed else x, u, v, clock, limit(name), threads, float(ridge or 0))
    given = x.astype("f4") if label.endswith("f32") else x
    return trace_on(STEPS[label](given, u, v), row, u, v, clock, limit(name))


def sklearn_call(x, rank, clock):
    """What `NMF(rank).fit_transform(x)` returns: scikit-learn's own start and stop rule."""
    from sklearn.decomposition import NMF
    import warnings

    warnings.simplefilter("ignore")
    model = NMF(rank)
    begin = clock()
    w = model.fit_transform(x)
    return clock() - begin, model.n_iter_, w, model.components_.T


def trace_on(steps, row, u, v, clock, limit):
    rows = [row(0.0, 0, u, v)]
    next(steps)
    spent, done, count = 0.0, 0, 1
    while spent < limit:
        begin = clock()
        w, h = steps.send(count)
        spent += clock() - begin
        done += count
        rows.append(row(spent, done, w, h))
        # no chunk longer than a fifth of what is left
        count = max(1, min(done // 5, int((limit - spent) * done / spent / 5) + 1))
    return rows


def trace_anew(run, row, x, u, v, clock, limit, threads, ridge):
    rows, iterations, seconds = [], 1, 0.0
    while seconds < limit:
        begin = clock()
        w, h = run(x, u, v, iterations, threads, ridge)
        seconds = clock() - begin
        rows.append(row(seconds, iterations * run.__dict__.get("each", 1), w, h))
        if iterations > 100 and rows[-1][2] == rows[-2][2]:
            break  # it stopped by itself
        iterations = max(iterations + 1, int(iterations * 1.5))
    return rows


def rcppml(x, rank, folder, limit, threads):
    """R's RcppML through files, with its own start, run anew for each length by `rcppml.R`, which measures its own seconds."""
    import numpy as np
    import scipy.io
    import scipy.sparse as sp

    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        if sp.issparse(x):
            scipy.io.mmwrite(temporary / "x.mtx", x)
        else:
            np.asarray(x, dtype="f8").ravel("F").tofile(temporary / "x.bin")
        script = Path(__file__).with_name("rcppml.R")
        shape = [str(k) for k in x.shape]
        done = subprocess.run(["Rscript", script, temporary, *shape, str(rank), str(limit), str(threads)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        for line in done.stdout.split("\n")[:-1]:
            seconds, iterations = line.split()
            w = np.fromfile(temporary / f"w{iterations}.bin").reshape((x.shape[0], rank), order="F")
            h = np.fromfile(temporary / f"h{iterations}.bin").reshape((rank, x.shape[1]), order="F")
            yield float(seconds), int(iterations), w, h.T
