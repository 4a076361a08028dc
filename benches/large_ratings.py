"""Planted ratings at Netflix's shape: thalweg in memory and streamed beside LIBMF, on the same files, one after the other.

    cargo run --release --example planted_shards -- ratings 480189 17770 111000000 20 DIR/train.shards DIR/ratings
    python benches/large_ratings.py DIR target/release/thalweg THREADS PENALTY ITERATIONS...

Prints the held-out RMSE after each number of iterations with the seconds of the solver and the largest memory of the process. thalweg goes on
in one run directory; LIBMF begins anew, which is what its binding offers, and its seconds are those of its own passes alone. Needs numpy and libmf.
"""

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def triplets(path):
    """The lines `user item rating` of a file, n x 3 in single precision."""
    return np.fromfile(path, sep=" ", dtype=np.float32).reshape(-1, 3)


def rmse(u, v, test):
    rows, cols = test[:, 0].astype(np.int64), test[:, 1].astype(np.int64)
    parts = [((test[a : a + 10**6, 2] - np.einsum("ij,ij->i", u[rows[a : a + 10**6]], v[cols[a : a + 10**6]])) ** 2).sum() for a in range(0, len(test), 10**6)]
    return float(np.sqrt(sum(parts) / len(test)))


def thalweg(program, folder, test, threads, penalty, iterations, stream):
    run = folder / ("run-streamed" if stream else "run-memory")
    for count in iterations:
        words = [program, "fit", folder / "train.shards", "-k", "20", "--precision", "f32", "--l2", penalty, "--tol", "0", "--max-iters", str(count)]
        words += ["--threads", threads, "--max-memory", "20G", "-o", run, "--json", "--quiet", "--checkpoint", "60"] + (["--stream"] if stream else [])
        fit = json.loads(subprocess.run([str(w) for w in words], stdout=subprocess.PIPE).stdout)
        factors = np.load(run / "factors.npz")
        found = rmse(factors["U"], factors["V"], test)
        name = "thalweg --stream" if stream else "thalweg"
        print(f"{name:18} {count:4} iterations {fit['seconds']:8.1f} s  RMSE {found:.5f}  peak {fit['peak_memory'] / 2**30:.2f} GiB  passes {fit.get('passes')}", flush=True)


LIBMF = """
import sys, numpy as np, resource
sys.path.insert(0, %r)
from large_ratings import triplets
from libmf import mf
train, test = triplets(%r), triplets(%r)
model = mf.MF(k=20, nr_threads=%d, nr_iters=%d, lambda_p2=%g, lambda_q2=%g, eta=%g, do_nmf=True, lambda_p1=0.0, lambda_q1=0.0)
print("begin", flush=True)
model.mf_train_test(train, test)
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
"""


def libmf(folder, threads, iterations, penalty, eta):
    """Its own table of iterations, each line with the time at which it came."""
    files = [str(folder / f"ratings.{end}") for end in ("train", "test")]
    script = LIBMF % (os.path.dirname(os.path.abspath(__file__)), *files, int(threads), iterations, penalty, penalty, eta)
    child = subprocess.Popen(["stdbuf", "-oL", sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, text=True)
    first = None
    for line in child.stdout:
        now = time.time()
        numbers = re.match(r"\s*(\d+)\s+([\d.]+)\s+([\d.]+)", line)
        if numbers and numbers[1] == "0":
            first = now
        if numbers and first:
            print(f"LIBMF l2={penalty} eta={eta} {int(numbers[1]) + 1:4} iterations {now - first:8.1f} s after the first  RMSE {numbers[3]}", flush=True)
        elif "peak" in line:
            print(f"LIBMF peak {int(line.split()[1]) / 2**20:.2f} GiB", flush=True)
    child.wait()


def main():
    folder, program, threads, penalty = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    iterations = [int(word) for word in sys.argv[5:]]
    print("load", os.getloadavg(), flush=True)
    test = triplets(folder / "ratings.test")
    for stream in (False, True):
        thalweg(program, folder, test, threads, penalty, iterations, stream)
    del test
    for l2 in (0.02, 0.05):
        libmf(folder, threads, max(iterations), l2, 0.1)
    print("load", os.getloadavg(), flush=True)


if __name__ == "__main__":
    main()
