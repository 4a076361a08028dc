#!/usr/bin/env python3
"""Times robust PCA and sparse recovery against their peers: python3 benches/recover_rpca.py --data FOLDER --work FOLDER

Problems: a planted 500x500 matrix of rank 10 with 10 % corruptions, the escalator video (20800x200), 64 faces of Yale B (64x32256), and
sparse vectors (d = 200, p = 80, 5 entries) at depths 2 and 4. Peers, written here in NumPy with one thread: the inexact augmented
Lagrangian method (Lin, Chen, Ma 2010) with full and with partial decompositions, accelerated alternating projections (Cai, Cai, Wei 2019)
which is told the rank, HiGHS, and Newton's method on the smooth dual. Ours: the `rpca_speed` and `sparse_speed` examples, built with
`cargo build --release --examples`, on one thread.

Seconds are CPU seconds of one thread, the best of three runs (one for video and faces), without reading files. Objectives are recomputed in f64 for everybody.
Needs: pip install numpy scipy pillow
"""

import argparse
import glob
import json
import os
import subprocess
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np  # noqa: E402
import scipy.io  # noqa: E402
import scipy.optimize  # noqa: E402

REPO = Path(__file__).resolve().parent.parent
EXAMPLES = None
RUNS = 3


def planted(work):
    rng = np.random.default_rng(0)
    n, r = 500, 10
    low_rank = rng.standard_normal((n, r)) @ rng.standard_normal((r, n))
    sparse = np.zeros((n, n))
    where = rng.permutation(n * n)[: n * n // 10]
    sparse.flat[where] = rng.uniform(-50, 50, len(where))
    np.save(work / "planted.npy", low_rank + sparse)
    return low_rank + sparse, low_rank


def video(data, work):
    frames = scipy.io.loadmat(data / "video" / "escalator_data.mat")["X"].astype(float)
    np.save(work / "video.npy", frames)
    return frames


def faces(data, work):
    from PIL import Image

    files = sorted(glob.glob(str(data / "yale-b-cropped" / "yaleB20" / "*.pgm")))
    images = np.stack([np.asarray(Image.open(f)).astype(float).ravel() for f in files])
    np.save(work / "faces.npy", images)
    return images


def objective(y, low_rank):
    return np.linalg.svd(low_rank, compute_uv=False).sum() + np.abs(y - low_rank).sum() / np.sqrt(max(y.shape))


def soft(x, t):
    return x - np.clip(x, -t, t)


def ialm(y, partial, tol=1e-7, growth=1.5):
    """min |X|_* + lambda |S|_1 s.t. X + S = Y, the penalty growing geometrically."""
    lam = 1 / np.sqrt(max(y.shape))
    norm, size = np.linalg.norm(y, 2), np.linalg.norm(y)
    dual, mu, s = y / max(norm, np.abs(y).max() / lam), 1.25 / norm, np.zeros_like(y)
    basis = None
    for step in range(1, 201):
        a = y - s + dual / mu
        if basis is None:
            values, vectors = np.linalg.eigh(a.T @ a)
            sigma = np.sqrt(np.maximum(values, 0))[::-1]
            vectors = vectors[:, ::-1]
        else:
            for _ in range(2):
                left, _ = np.linalg.qr(a @ basis)
                basis, right = np.linalg.qr(a.T @ left)
            _, sigma, small = np.linalg.svd(right.T)
            vectors = basis @ small.T
        k = int((sigma > 1 / mu).sum())
        x = ((a @ vectors[:, :k]) * (1 - 1 / mu / sigma[:k])) @ vectors[:, :k].T
        if partial:
            basis = vectors[:, : k + 8]
        s = soft(y - x + dual / mu, lam / mu)
        rest = y - x - s
        dual += mu * rest
        mu *= growth
        if np.linalg.norm(rest) < tol * size:
            break
    return x, step


def altproj(y, r, tol=1e-12, gamma=0.6):
    """Accelerated alternating projections; needs the rank."""
    beta = 1 / (2 * (y.shape[0] * y.shape[1]) ** 0.25)

    def leading(a):
        v = np.random.default_rng(0).standard_normal((a.shape[1], r + 5))
        for _ in range(6):
            b, _ = np.linalg.qr(a @ v)
            v, right = np.linalg.qr(a.T @ b)
        p, sigma, q = np.linalg.svd(right.T)
        return b @ p[:, :r], sigma[:r], (v @ q.T)[:, :r]

    _, sigma, _ = leading(y)
    s = np.where(np.abs(y) > beta * sigma[0], y, 0)
    u, sigma, v = leading(y - s)
    x = (u * sigma) @ v.T
    s = np.where(np.abs(y - x) > beta * sigma[0], y - x, 0)
    size = np.linalg.norm(y)
    for step in range(1, 201):
        w = y - s
        wv, uw = w @ v, u.T @ w
        core = uw @ v
        q1, r1 = np.linalg.qr(wv - u @ core)
        q2, r2 = np.linalg.qr((uw - core @ v.T).T)
        p, sigma, q = np.linalg.svd(np.block([[core, r2.T], [r1, np.zeros((r, r))]]))
        u, v = np.hstack([u, q1]) @ p[:, :r], np.hstack([v, q2]) @ q[:r].T
        x = (u * sigma[:r]) @ v.T
        level = beta * (sigma[r] + gamma**step * sigma[0])
        rest = y - x
        s = np.where(np.abs(rest) > level, rest, 0)
        if np.linalg.norm(rest - s) < tol * size:
            break
    return x, step


def highs(a, b):
    weights = (a**2).mean(0)
    d = a.shape[1]
    found = scipy.optimize.linprog(np.r_[weights, weights], A_eq=np.hstack([a, -a]), b_eq=b, method="highs")
    return found.x[:d] - found.x[d:], found.nit


def dual_newton(a, b, depth):
    q, weights = 2 - 2 / depth, (a**2).mean(0)
    power = 1 / (q - 1)
    x = np.linalg.lstsq(a, b, rcond=None)[0]
    y = np.linalg.lstsq(a.T, q * weights * np.abs(x) ** (q - 1) * np.sign(x), rcond=None)[0]
    for step in range(100):
        u = a.T @ y
        x = np.sign(u) * (np.abs(u) / (q * weights)) ** power
        rest = b - a @ x
        if np.linalg.norm(rest) < 1e-13 * np.linalg.norm(b):
            break
        h = power * np.abs(x) / np.maximum(np.abs(u), 1e-300)
        y = y + np.linalg.solve((a * h) @ a.T, rest)
    return x, step


def timed(run, runs=RUNS):
    best = None
    for _ in range(runs):
        begin = time.process_time()
        out = run()
        best = min(best or np.inf, time.process_time() - begin)
    return best, *out


def ours(example, *args, runs=RUNS):
    command = [str(EXAMPLES / example), *map(str, args)]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "RAYON_NUM_THREADS": "1"}).stdout) for _ in range(runs)]
    return min(runs, key=lambda run: run["cpu_seconds"])


def row(problem, who, seconds, steps, answer):
    print(f"| {problem} | {who} | {seconds:.4f} | {steps} | {answer} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--examples", type=Path, default=REPO / "target" / "release" / "examples", help="folder of the built examples")
    options = parser.parse_args()
    global EXAMPLES
    EXAMPLES = options.examples
    options.work.mkdir(parents=True, exist_ok=True)
    print("| problem | method | CPU seconds | steps | answer |\n|---|---|---|---|---|")

    y, truth = planted(options.work)
    off = lambda x: f"relative error {np.linalg.norm(x - truth) / np.linalg.norm(truth):.1e}"  # noqa: E731
    for who, run in (("IALM, full", lambda: ialm(y, False)), ("IALM, partial", lambda: ialm(y, True)), ("AccAltProj, rank given", lambda: altproj(y, 10))):
        seconds, x, steps = timed(run)
        row("planted 500x500", who, seconds, steps, off(x))
    found = ours("rpca_speed", options.work / "planted.npy", 1e-4, options.work / "planted_x.npz")
    row("planted 500x500", "thalweg", found["cpu_seconds"], found["iterations"], off(np.load(options.work / "planted_x.npz")["X"]) + f", certified {found['certified']}")
    row("planted 500x500", "its certificate", found["certificate_seconds"], "", f"radius {float(found['radius']):.1e}")

    for name, y in (("video 20800x200", video(options.data, options.work)), ("faces 64x32256", faces(options.data, options.work))):
        tall = y if y.shape[0] > y.shape[1] else y.T.copy()
        seconds, x, steps = timed(lambda: ialm(tall, False), 1)
        row(name, "IALM, full", seconds, steps, f"objective {objective(tall, x):.6e}")
        for tol in ("5e-3", "1e-3", "1e-4"):
            found = ours("rpca_speed", options.work / f"{name.split()[0]}.npy", tol, runs=1)
            row(name, f"thalweg, gap {tol}", found["cpu_seconds"], found["iterations"], f"objective {found['objective']:.6e}, proved gap {found['gap']:.1e}")

    rng = np.random.default_rng(1)
    a = rng.standard_normal((80, 200))
    truth = np.zeros(200)
    truth[rng.permutation(200)[:5]] = rng.standard_normal(5)
    np.savez(options.work / "sparse.npz", A=a, b=a @ truth, truth=truth)
    for depth, who, run in ((2, "HiGHS", lambda: highs(a, a @ truth)), (4, "Newton, NumPy", lambda: dual_newton(a, a @ truth, 4))):
        seconds, x, steps = timed(run)
        cost = ((a**2).mean(0) * np.abs(x) ** (2 - 2 / depth)).sum()
        row(f"sparse d=200, depth {depth}", who, seconds, steps, f"objective {cost:.12f}")
        found = ours("sparse_speed", options.work / "sparse.npz", depth)
        row(f"sparse d=200, depth {depth}", "thalweg", found["cpu_seconds"], found["iterations"], f"objective {found['objective']:.12f}, certified {found['certified']}")


if __name__ == "__main__":
    main()
