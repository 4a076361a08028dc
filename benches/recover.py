#!/usr/bin/env python3
"""Times recovery against general and specialised tools on the same instances, and prints the table of docs/recovery.md.

    cargo build --release --examples -p thalweg
    python3 benches/recover.py --work FOLDER [--data FOLDER] [--only WORD] [--repeats 5]

Instances are made from a seed in the --work folder; --data holds the video and the faces. Seconds are CPU seconds of one thread, the median of
several runs (of one, where a run takes long): setting up counts, reading the file does not. Errors and objectives are recomputed from the
answers for everybody. What is not installed is skipped with a line. Needs numpy; more of the table with scipy, pillow, cvxpy (SCS and
Clarabel) and cmfrec.
"""

import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np  # noqa: E402
import recovery_peers as peers  # noqa: E402

REPO = Path(__file__).resolve().parent.parent
LONG = 10.0


class Bench:
    def __init__(self, options):
        self.options = options
        options.work.mkdir(parents=True, exist_ok=True)
        print("| problem | method | CPU seconds | steps | answer |\n|---|---|---|---|---|")

    def wants(self, problem):
        return not self.options.only or self.options.only in problem

    def save(self, name, **arrays):
        path = self.options.work / f"{name}.npz"
        np.savez(path, **arrays)
        return path

    def row(self, problem, who, seconds, steps, answer):
        print(f"| {problem} | {who} | {seconds:.4f} | {steps} | {answer} |", flush=True)

    def peer(self, problem, who, run, judge):
        """Times `run` and tells what `judge` says of its answer."""
        seconds = []
        for _ in range(self.options.repeats):
            begin = time.process_time()
            try:
                answer, steps = run()
            except (ImportError, ModuleNotFoundError) as missing:
                print(f"skipped: {who} on {problem}: {missing}", file=sys.stderr)
                return
            seconds.append(time.process_time() - begin)
            if seconds[-1] > LONG:
                break
        self.row(problem, who, statistics.median(seconds), steps, judge(answer))

    def ours(self, example, *words):
        """The records that an example prints, one for each run."""
        command = [str(self.options.examples / example), *map(str, words)]
        records = []
        for _ in range(self.options.repeats):
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            records.append(json.loads(out.strip().splitlines()[-1]))
            if records[-1].get("cpu_seconds", 0) > LONG:
                break
        return records


def median(records, field):
    return statistics.median(record[field] for record in records)


def apart(x, truth):
    return f"relative error {np.linalg.norm(x - truth) / np.linalg.norm(truth):.0e}"


def linear_instances(bench):
    rng = np.random.default_rng(5)

    def low_rank(d, signs=None):
        if signs is None:
            m = rng.standard_normal((d, 2)) @ rng.standard_normal((2, d))
        else:
            g = rng.standard_normal((d, len(signs)))
            m = (g * signs) @ g.T
        return m / np.linalg.norm(m)

    for d, p in ((25, 200), (50, 500)):
        m = low_rank(d)
        a = rng.standard_normal((p, d, d))
        yield "sensing", f"sensing d={d}, p={p}", bench.save(f"sensing-{d}-{p}", A=a, b=a.reshape(p, -1) @ m.ravel(), truth=m)
    m = low_rank(50)
    rows, cols = np.nonzero(rng.random((50, 50)) < 0.4)
    path = bench.save("completion-50", rows=rows, cols=cols, values=m[rows, cols], shape=np.array([50, 50]), truth=m)
    yield "completion", "completion d=50, 40 %", path
    m = low_rank(30, np.array([1.0, 1.0, -1.0]))
    x = rng.standard_normal((300, 30))
    path = bench.save("quadratic-30-300", x=x, b=np.einsum("pi,ij,pj->p", x, m, x), truth=m)
    yield "quadratic", "quadratic d=30, p=300", path


def linear(bench):
    for kind, problem, path in linear_instances(bench):
        if not bench.wants(problem):
            continue
        z = np.load(path)
        truth = z["truth"]
        for norm in ("nuclear", "flat"):
            records = bench.ours("recover_speed", kind, path, norm, bench.options.repeats)
            verdict = records[0]["verdict"]
            proved = f"certified, radius {verdict['radius']:.0e}" if verdict["certified"] else verdict["unproved"]
            answer = f"relative error {records[0]['relative_error']:.0e}, {proved}"
            bench.row(problem, f"thalweg, {norm}", median(records, "solve_seconds"), records[0]["iterations"], answer)
            bench.row(problem, f"its certificate, {norm}", median(records, "verify_seconds"), "", "")
            if bench.options.prototype:
                run = lambda norm=norm: peers.prototype(bench.options.prototype, kind, z, norm == "flat")  # noqa: E731
                bench.peer(problem, f"prototype, {norm}", run, lambda x: apart(x, truth))
        for solver in ("SCS", "CLARABEL"):
            bench.peer(problem, f"CVXPY, {solver}", lambda solver=solver: peers.cvxpy(solver, kind, z), lambda x: apart(x, truth))
        bench.peer(problem, "smoothed dual, as TFOCS, NumPy", lambda: peers.smoothed_dual(kind, z), lambda x: apart(x, truth))
        if kind == "completion":
            entries = (z["rows"], z["cols"], z["values"], truth.shape)
            bench.peer(problem, "softImpute, NumPy", lambda: peers.soft_impute(*entries), lambda x: apart(x, truth))
            bench.peer(problem, "cmfrec, ALS, rank given", lambda: peers.cmfrec_als(*entries, 2), lambda x: apart(x, truth))


def noisy(bench):
    problem = "noisy sensing d=25, p=1000"
    if not bench.wants(problem):
        return
    rng = np.random.default_rng(6)
    truth = rng.standard_normal((25, 2)) @ rng.standard_normal((2, 25))
    truth /= np.linalg.norm(truth)
    a, noise = rng.standard_normal((1000, 25, 25)), 0.1 * rng.standard_normal(1000)
    radius = np.linalg.norm(noise)
    path = bench.save("noisy-25-1000", A=a, b=a.reshape(1000, -1) @ truth.ravel() + noise, truth=truth, radius=radius)
    z = np.load(path)
    cost = lambda x: f"norm {np.linalg.norm(x, 'nuc'):.9f}, beyond the ball {max(np.linalg.norm(dense(z, x)) / radius - 1, 0):.0e}"  # noqa: E731
    for norm in ("nuclear", "flat"):
        records = bench.ours("recover_speed", "sensing", path, norm, bench.options.repeats, radius)
        verdict = records[0]["verdict"]
        proved = f"certified, radius {verdict['radius']:.0e}" if verdict["certified"] else f"proved gap {verdict['gap']:.0e}"
        answer = f"norm {records[0]['objective']:.9f}, {proved}"
        bench.row(problem, f"thalweg, {norm}", median(records, "solve_seconds"), records[0]["iterations"], answer)
        bench.row(problem, f"its certificate, {norm}", median(records, "verify_seconds"), "", "")
    if bench.options.prototype:
        bench.peer(problem, "prototype, nuclear", lambda: peers.prototype_in_ball(bench.options.prototype, z), cost)
    for solver in ("SCS", "CLARABEL"):
        bench.peer(problem, f"CVXPY, {solver}", lambda solver=solver: peers.cvxpy(solver, "sensing", z, radius), cost)


def dense(z, x):
    return peers.dense_rows(z) @ x.ravel() - z["b"]


def planted_table(bench):
    problem = "robust PCA 500×500, rank 10, 10 %"
    if not bench.wants(problem):
        return
    rng = np.random.default_rng(0)
    n, r = 500, 10
    truth = rng.standard_normal((n, r)) @ rng.standard_normal((r, n))
    sparse = np.zeros((n, n))
    where = rng.permutation(n * n)[: n * n // 10]
    sparse.flat[where] = rng.uniform(-50, 50, len(where))
    y = truth + sparse
    path, found = bench.options.work / "table.npy", bench.options.work / "table-x.npz"
    np.save(path, y)
    records = bench.ours("rpca_speed", path, 1e-4, found)
    answer = apart(np.load(found)["X"], truth) + (", certified" if records[0]["certified"] else "")
    bench.row(problem, "thalweg", median(records, "cpu_seconds"), records[0]["iterations"], answer)
    bench.row(problem, "its certificate", median(records, "certificate_seconds"), "", f"radius {float(records[0]['radius']):.0e}")
    for who, run in (
        ("IALM, full decompositions", lambda: peers.ialm(y, False)),
        ("IALM, partial decompositions", lambda: peers.ialm(y, True)),
        ("AccAltProj, rank given", lambda: peers.altproj(y, r)),
    ):
        bench.peer(problem, who, run, lambda x: apart(x, truth))


def pictures(bench):
    if bench.options.data is None:
        print("skipped: video and faces, without --data", file=sys.stderr)
        return
    for problem, make in (("video 20800×200", video), ("faces 64×32256", faces)):
        if not bench.wants(problem):
            continue
        try:
            y = make(bench.options.data)
        except (ImportError, FileNotFoundError) as missing:
            print(f"skipped: {problem}: {missing}", file=sys.stderr)
            continue
        path = bench.options.work / f"{problem.split()[0]}.npy"
        np.save(path, y)
        for tol in ("5e-3", "1e-3", "1e-4"):
            records = bench.ours("rpca_speed", path, tol)
            answer = f"objective {records[0]['objective']:.6e}, proved gap {records[0]['gap']:.1e}"
            bench.row(problem, f"thalweg, gap {tol}", median(records, "cpu_seconds"), records[0]["iterations"], answer)
        tall = y if y.shape[0] > y.shape[1] else y.T.copy()
        cost = lambda x, y=tall: np.linalg.svd(x, compute_uv=False).sum() + np.abs(y - x).sum() / np.sqrt(max(y.shape))  # noqa: E731
        for who, partial in (("IALM, full decompositions", False), ("IALM, partial decompositions", True)):
            bench.peer(problem, who, lambda partial=partial: peers.ialm(tall, partial), lambda x: f"objective {cost(x):.6e}")


def video(data):
    import scipy.io

    return scipy.io.loadmat(data / "video" / "escalator_data.mat")["X"].astype(float)


def faces(data):
    from PIL import Image

    files = sorted(glob.glob(str(data / "yale-b-cropped" / "yaleB20" / "*.pgm")))
    return np.stack([np.asarray(Image.open(f)).astype(float).ravel() for f in files])


def phase(bench):
    problem = "phase retrieval d=100, p=600"
    if not bench.wants(problem):
        return
    records = bench.ours("factored_speed", "phase", 100, 600)
    bench.row(problem, "thalweg", median(records, "cpu_seconds"), records[0]["iterations"], f"relative error {records[0]['relative_error']:.0e}")
    rng = np.random.default_rng(2)
    x, u = rng.standard_normal((600, 100)), rng.standard_normal(100)
    bench.peer(problem, "amplitude flow, NumPy", lambda: peers.amplitude_flow(x, (x @ u) ** 2), lambda v: apart(v * np.sign(v @ u), u))


def sparse(bench):
    rng = np.random.default_rng(1)
    a = rng.standard_normal((80, 200))
    truth = np.zeros(200)
    truth[rng.permutation(200)[:5]] = rng.standard_normal(5)
    b = a @ truth
    path = bench.save("sparse", A=a, b=b, truth=truth)
    for depth, who, run in ((2, "HiGHS", lambda: peers.highs(a, b)), (4, "Newton on the dual, NumPy", lambda: peers.dual_newton(a, b, 4))):
        problem = f"sparse d=200, p=80, depth {depth}"
        if not bench.wants(problem):
            continue
        cost = lambda x, depth=depth: ((a**2).mean(0) * np.abs(x) ** (2 - 2 / depth)).sum()  # noqa: E731
        records = bench.ours("sparse_speed", path, depth)
        proved = ", certified" if records[0]["certified"] else ""
        bench.row(problem, "thalweg", median(records, "cpu_seconds"), records[0]["iterations"], f"objective {records[0]['objective']:.12f}{proved}")
        bench.peer(problem, who, run, lambda x: f"objective {cost(x):.12f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the instances")
    parser.add_argument("--data", type=Path, help="folder with video/ and yale-b-cropped/")
    parser.add_argument("--prototype", type=Path, help="folder with recovery.py, a NumPy prototype")
    parser.add_argument("--only", help="problems whose name holds this word")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--examples", type=Path, default=REPO / "target" / "release" / "examples", help="folder of the built examples")
    bench = Bench(parser.parse_args())
    for part in (linear, noisy, planted_table, pictures, phase, sparse):
        part(bench)


if __name__ == "__main__":
    main()
