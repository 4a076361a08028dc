#!/usr/bin/env python3
"""Times thalweg's NMF against its peers: python3 benches/compare.py all --data FOLDER --work FOLDER [--problems D1,S1]

Steps, each of which keeps what is already there:
    problems   makes the data and one start for each, as .npy and .npz files, in the work folder
    peers      runs every peer on them, one process for each pair
    ours       runs thalweg's `fit_trace` example on the same files
    table      writes docs/benchmarks.md from the traces

A trace is a list of (seconds, iteration, objective): CPU seconds of the process without reading files and without evaluating the objective,
which is recomputed in f64 for everybody. Peers: `pip install numpy scipy scikit-learn cmfrec` in a virtual environment, whose Python runs
this file. NumPy's kernels are the AVX-512 ones (OPENBLAS_CORETYPE=SkylakeX) unless the method's name ends in `-avx2`.
"""

import argparse
import datetime
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent

# name: (what, rank, limit in CPU seconds)
PROBLEMS = {
    "D1": ("planted dense 2000x1500", 20, 8),
    "D2": ("planted dense 5120x1246", 88, 40),
    "D3": ("planted dense 94249x162", 4, 6),
    "D4": ("planted dense 400x10304", 49, 25),
    "orl": ("ORL faces 400x10304", 49, 15),
    "urban": ("Urban crop 8000x162", 4, 5),
    "jasper": ("Jasper Ridge 10000x198", 4, 5),
    "metabolic": ("metabolic 9335x36", 3, 3),
    "S1": ("planted sparse 20000x10000 1 %", 20, 5),
    "kos": ("KOS counts 3430x6906 sparse", 20, 5),
    "M1": ("ML-1M 3953x6041 observed-only, 90 % kept", 20, 30),
}

DENSE_PEERS = ["sklearn-cd", "sklearn-cd-avx2", "sklearn-cd-f32", "sklearn-mu", "rnmf", "ao-admm"]
SPARSE_PEERS = ["sklearn-cd", "sklearn-cd-f32", "sklearn-mu", "ao-admm"]
OBSERVED_PEERS = ["cmfrec"]
OURS = {
    "dense": ["default", "hals", "accelerated-hals", "anls", "extrapolated-hals", "extrapolated-anls", "compressed", "compressed-anls", "compressed-f32"],
    "sparse": ["default", "hals", "accelerated-hals", "anls", "extrapolated-hals", "extrapolated-anls"],
    "observed": ["default", "hals", "anls", "extrapolated-hals", "extrapolated-anls"],
}


def kind(name):
    return "observed" if name == "M1" else "sparse" if name in ("S1", "kos") else "dense"


# ---- problems ------------------------------------------------------------------------------------------------------------------------


def planted(m, n, r, seed):
    import numpy as np

    rng = np.random.default_rng(seed)
    product = np.abs(rng.standard_normal((m, r))) @ np.abs(rng.standard_normal((n, r))).T
    noise = rng.standard_normal((m, n))
    product += 0.05 * np.sqrt(np.mean(product**2)) * noise
    return np.maximum(product, 0.0)


def make(name, data):
    import numpy as np
    import scipy.io
    import scipy.sparse as sp

    if name == "D1":
        return planted(2000, 1500, 20, 1)
    if name == "D2":
        return planted(5120, 1246, 88, 2)
    if name == "D3":
        return planted(94249, 162, 4, 3)
    if name == "D4":
        return planted(400, 10304, 49, 4)
    if name == "orl":
        rows = []
        for subject in range(1, 41):
            for image in range(1, 11):
                rows.append(np.frombuffer((data / f"orl-faces/s{subject}/{image}.pgm").read_bytes()[-10304:], dtype=np.uint8))
        return np.array(rows, dtype=float)
    if name == "urban":
        return scipy.io.loadmat(data / "satellite/HYDICE.mat")["data"].reshape(8000, 162).astype(float)
    if name == "jasper":
        return np.ascontiguousarray(scipy.io.loadmat(data / "satellite/jasperRidge2_R198.mat")["Y"].T.astype(float))
    if name == "metabolic":
        with gzip.open(data / "metabolic/GSE3431_series_matrix.txt.gz", "rt") as lines:
            table = [l.rstrip("\n").split("\t") for l in lines if l.strip() and not l.startswith("!")]
        return np.array([[float(x) for x in row[1:]] for row in table[1:]])
    if name == "S1":
        rng = np.random.default_rng(5)
        m, n, r = 20000, 10000, 20
        row, col = rng.integers(0, m, 2_000_000), rng.integers(0, n, 2_000_000)
        u, v = np.abs(rng.standard_normal((m, r))) ** 2, np.abs(rng.standard_normal((n, r))) ** 2
        x = sp.coo_matrix((np.einsum("er,er->e", u[row], v[col]) * np.exp(0.1 * rng.standard_normal(len(row))), (row, col)), shape=(m, n)).tocsr()
        return x
    if name == "kos":
        with gzip.open(data / "text/docword.kos.txt.gz", "rt") as lines:
            numbers = np.array(lines.read().split(), dtype=np.int64)
        m, n, _ = numbers[:3]
        d, w, c = numbers[3:].reshape(-1, 3).T
        return sp.csr_matrix((c.astype(float), (d - 1, w - 1)), shape=(m, n))
    if name == "M1":
        with gzip.open(data / "movielens-1m/ratings-rebuilt.dat.gz", "rt", encoding="latin-1") as lines:
            t = np.array([l.split("::")[:3] for l in lines], dtype=np.int64)
        keep = np.random.default_rng(6).random(len(t)) < 0.9
        x = lambda s: sp.csr_matrix((s[:, 2].astype(float), (s[:, 1], s[:, 0])), shape=(3953, 6041))
        return x(t[keep]), x(t[~keep])
    raise KeyError(name)


def save_problem(name, data, work):
    import numpy as np
    import scipy.sparse as sp

    folder = work / name
    if (folder / "v.npy").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    x = make(name, data)
    if isinstance(x, tuple):
        sp.save_npz(folder / "held.npz", x[1])
        x = x[0]
    rank = PROBLEMS[name][1]
    rng = np.random.default_rng(100)
    mean = x.data.mean() if name == "M1" else x.mean()
    scale = np.sqrt(mean * np.pi / 2 / rank)
    u, v = (np.ascontiguousarray(scale * np.abs(rng.standard_normal((k, rank)))) for k in x.shape)
    if name == "M1":
        u[np.diff(x.indptr) == 0] = 0
        v[np.diff(x.tocsc().indptr) == 0] = 0
    if sp.issparse(x):
        sp.save_npz(folder / "x.npz", x)
    else:
        np.save(folder / "x.npy", np.ascontiguousarray(x))
    np.save(folder / "u.npy", u)
    np.save(folder / "v.npy", v)
    print("made", name, x.shape, flush=True)


def load(name, work):
    import numpy as np
    import scipy.sparse as sp

    folder = work / name
    x = sp.load_npz(folder / "x.npz") if (folder / "x.npz").exists() else np.load(folder / "x.npy")
    return x, np.load(folder / "u.npy"), np.load(folder / "v.npy")


def objective(x, u, v, observed):
    """1/2 ||X - UV'||^2 / ||X||^2 in f64, over the observed entries where only those count."""
    import numpy as np
    import scipy.sparse as sp

    u, v = u.astype(float), v.astype(float)
    if sp.issparse(x):
        coo = x.tocoo()
        total, size = 0.0, 1 << 18
        for at in range(0, coo.nnz, size):
            row, col, value = coo.row[at : at + size], coo.col[at : at + size], coo.data[at : at + size]
            product = np.einsum("er,er->e", u[row], v[col])
            total += float(np.sum((value - product) ** 2) - (0 if observed else np.sum(product**2)))
        if not observed:
            total += float(np.sum((u.T @ u) * (v.T @ v)))
        return 0.5 * total / float(np.sum(coo.data**2))
    total = sum(float(np.sum((x[at : at + 1024] - u[at : at + 1024] @ v.T) ** 2)) for at in range(0, len(x), 1024))
    return 0.5 * total / float(np.vdot(x, x))


# ---- peers ---------------------------------------------------------------------------------------------------------------------------


def sklearn_steps(solver, dtype):
    def steps(x, u, v, _):
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


def rnmf_steps(x, u, v, seed):
    """Randomised HALS of Erichson et al. (2018) as ristretto does it: X ~ QB by two subspace iterations, oversampling 20, then
    scikit-learn's compiled coordinate descent. ristretto itself does not install any more."""
    import numpy as np
    from sklearn.decomposition._cdnmf_fast import _update_cdnmf_fast as descend

    yield u, v
    r = u.shape[1]
    y = x @ np.random.default_rng(seed).random((x.shape[1], min(r + 20, min(x.shape))))
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


def admm_steps(x, u, v, _):
    """Block solves by the alternating direction method of multipliers, as in PLANC (Huang, Sidiropoulos, Liavas 2016): five inner
    iterations, penalty tr(G)/r, duals kept. NumPy; PLANC itself has to be built by hand."""
    import numpy as np
    from scipy.linalg import solve_triangular

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


def trace_steps(name, method, work, limit):
    import threadpoolctl

    x, u, v = load(name, work)
    f64 = x
    if method.endswith("f32"):
        x = x.astype("f4")
    rows = [(0.0, 0, objective(f64, u, v, False))]
    steps = STEPS[method](x, u, v, 0)
    next(steps)
    spent, done, count = 0.0, 0, 1
    while spent < limit:
        begin = time.process_time()
        w, h = steps.send(count)
        spent += time.process_time() - begin
        done += count
        rows.append((spent, done, objective(f64, w, h, False)))
        count = max(1, done // 5)
        # no chunk longer than a fifth of what is left
        count = max(1, min(count, int((limit - spent) * done / spent / 5) + 1))
    return rows


def trace_cmfrec(name, work, limit, threads):
    """cmfrec takes no start: its own, the same for every length of run; each length is timed from scratch."""
    import numpy as np
    import scipy.sparse as sp
    from cmfrec import CMF

    x = load(name, work)[0].tocoo()
    held = sp.load_npz(work / name / "held.npz").tocoo()
    rows, sweeps, spent = [], 1, 0.0
    while spent < limit:
        model = CMF(k=PROBLEMS[name][1], lambda_=0, method="als", use_cg=False, user_bias=False, item_bias=False, center=False, nonneg=True,
                    niter=sweeps, nthreads=threads, verbose=False, precompute_for_predictions=False, random_state=1, max_cd_steps=100)
        begin = time.process_time()
        model.fit(x)
        spent = time.process_time() - begin
        u, v = np.asarray(model.A_), np.asarray(model.B_)
        rmse = float(np.sqrt(np.mean((np.einsum("er,er->e", u[held.row], v[held.col]) - held.data) ** 2)))
        rows.append((spent, sweeps, objective(x, u, v, True), rmse))
        sweeps = max(sweeps + 1, int(sweeps * 1.6))
    return rows


def peer(args):
    name, method, limit = args.name, args.method, PROBLEMS[args.name][2]
    rows = trace_cmfrec(name, args.work, limit, args.threads) if method == "cmfrec" else trace_steps(name, method, args.work, limit)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"trace": rows, "peak_mb": peak}))


# ---- running -------------------------------------------------------------------------------------------------------------------------


def run_pair(args, name, label, command, env):
    """One process; its trace goes to a file of its own. Repeats keep every trace."""
    for repeat in range(args.repeats):
        path = args.work / name / f"{label}.t{args.threads}.{repeat}.json"
        if path.exists():
            continue
        done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{name} {label}: failed: {done.stderr.strip().splitlines()[-1:]}", flush=True)
            return
        path.write_text(done.stdout)
        last = json.loads(done.stdout)["trace"][-1]
        print(f"{name} {label} {repeat}: {last[0]:.2f} s, {last[1]} iterations, {last[2]:.8g}", flush=True)


def run_peers(args, name):
    for method in {"dense": DENSE_PEERS, "sparse": SPARSE_PEERS, "observed": OBSERVED_PEERS}[kind(name)]:
        threads = str(args.threads)
        env = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        if not method.endswith("avx2"):
            env["OPENBLAS_CORETYPE"] = "SkylakeX"
        command = [sys.executable, __file__, "peer", name, method, "--work", args.work, "--threads", threads]
        run_pair(args, name, method, command, env)


def run_ours(args, name):
    program = args.program or REPO / "target/release/examples/fit_trace"
    for method in args.methods.split(",") if args.methods else OURS[kind(name)]:
        limit = PROBLEMS[name][2] * args.limit_scale
        command = [program, args.work / name, method, str(limit), "observed" if kind(name) == "observed" else "full"]
        run_pair(args, name, f"thalweg-{method}", command, {"RAYON_NUM_THREADS": str(args.threads)})


# ---- the table -----------------------------------------------------------------------------------------------------------------------


def seconds_to(trace, goal):
    return next((row[0] for row in trace if row[2] <= goal), None)


def write_table(args):
    import importlib.metadata as metadata

    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("numpy", "scipy", "scikit-learn", "cmfrec"))
    lines = [
        "# Benchmarks",
        "",
        "Seconds until the objective is within 10 %, 1 % and 0.1 % of the best that any method found, from the same start files: CPU seconds,",
        "without reading files and evaluating the objective, which is recomputed in f64 for everybody. A range is the spread of repeats.",
        "",
        f"Date {args.date}; {args.machine}; {args.threads} thread. Peers: {versions}; NumPy with `OPENBLAS_CORETYPE=SkylakeX`, except where the name",
        "ends in `-avx2`. `rnmf` and `ao-admm` are the algorithms of ristretto and PLANC written down in NumPy, with scikit-learn's compiled",
        "coordinate descent in the first, because those two do not install from a package registry; cmfrec starts from its own point.",
        "A local minimum may differ from method to method: the best of all is not in every method's reach from one start.",
        "",
        f"    python3 benches/compare.py all --data DATA --work WORK{'' if args.limit_scale == 1 else f' --limit-scale {args.limit_scale:g}'}",
        "",
        "`best` in the last line of each table: how many times faster than the fastest peer to 0.1 % our fastest f64 method is, or, where a",
        "peer never got there, to the last goal that it reached; below 1 the peer wins.",
    ]
    for name in args.problems.split(","):
        traces, peaks = {}, {}
        for path in sorted((args.work / name).glob(f"*.t{args.threads}.*.json")):
            label = path.name.split(".t")[0]
            record = json.loads(path.read_text())
            traces.setdefault(label, []).append(record["trace"])
            peaks[label] = record["peak_mb"]
        if not traces:
            continue
        best = min(row[2] for runs in traces.values() for run in runs for row in run)
        lines += ["", f"## {name}: {PROBLEMS[name][0]}, rank {PROBLEMS[name][1]}", "", f"Best ½‖X − UVᵀ‖²/‖X‖²: {best:.9g}.", ""]
        lines += ["| method | +10 % | +1 % | +0.1 % | best reached | iterations | peak MB |", "|---|---|---|---|---|---|---|"]
        order = sorted(traces, key=lambda l: [min((seconds_to(t, best * (1 + p)) or 1e9) for t in traces[l]) for p in (1e-3, 1e-2, 1e-1)])
        for label in order:
            runs = traces[label]
            cells = []
            for p in (0.1, 0.01, 0.001):
                hits = [h for h in (seconds_to(t, best * (1 + p)) for t in runs) if h is not None]
                low, high = (min(hits), max(hits)) if hits else (0, 0)
                cells.append("-" if not hits else f"{low:.3g}" if len(hits) == 1 else f"{low:.3g}–{high:.3g}")
            reached = 100 * (min(row[2] for t in runs for row in t) / best - 1)
            lines.append(f"| {label} | {' | '.join(cells)} | +{reached:.2g} % | {runs[0][-1][1]} | {peaks[label]:.0f} |")
        for p in (0.001, 0.01, 0.1):
            hits = {l: min((h for h in (seconds_to(t, best * (1 + p)) for t in traces[l]) if h is not None), default=None) for l in traces}
            ours = [h for l, h in hits.items() if h is not None and l.startswith("thalweg") and not l.endswith("f32")]
            theirs = [h for l, h in hits.items() if h is not None and not l.startswith("thalweg") and not l.endswith("f32")]
            if ours and theirs:
                lines += ["", f"best: {min(theirs) / min(ours):.2f}× to {100 * p:g} %."]
                break
    (REPO / "docs/benchmarks.md").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["all", "problems", "peers", "ours", "table", "peer"])
    parser.add_argument("name", nargs="?")
    parser.add_argument("method", nargs="?")
    parser.add_argument("--data", type=Path, help="folder with the real data sets, as data/README.md of the project lays them out")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--methods")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--limit-scale", type=float, default=1.0, help="our share of the CPU seconds that peers get")
    parser.add_argument("--program", type=Path, help="the fit_trace program; by default the release build of this checkout")
    parser.add_argument("--machine", default="", help="what the table says of the machine")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    args = parser.parse_args()
    if args.step == "peer":
        return peer(args)
    for name in args.problems.split(","):
        if args.step in ("all", "problems"):
            save_problem(name, args.data, args.work)
        if args.step in ("all", "peers"):
            run_peers(args, name)
        if args.step in ("all", "ours"):
            run_ours(args, name)
    if args.step in ("all", "table"):
        write_table(args)


if __name__ == "__main__":
    main()
