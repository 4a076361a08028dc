"""Planted ratings at Netflix's shape: thalweg in memory and streamed beside LIBMF, on the same files, one after the other.

    cargo run --release --example planted_shards -- ratings 480189 17770 111000000 20 DIR/train.shards DIR/ratings
    python benches/large_ratings.py DIR target/release/thalweg THREADS PENALTY,... ITERATIONS...

For each penalty, prints the held-out RMSE after each number of iterations with seconds of the processor and of the clock, and the largest memory. thalweg runs anew for
each number, streamed only for the last of the last penalty, and all that it does counts: reading, the first and the last objective, the proof. LIBMF runs once, and
what it does before the end of its first pass does not count. Needs numpy and libmf, and Linux for LIBMF's processor seconds.
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
    words = [program, "fit", folder / "train.shards", "-k", "20", "--precision", "f32", "--l2", penalty, "--tol", "0", "--max-iters", iterations]
    words += ["--threads", threads, "--max-memory", "20G", "--json", "--quiet", *(["--stream"] if stream else [])]
    words += ["-o", folder / f"run-{penalty}-{iterations}{'-streamed' if stream else ''}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.time()
    fit = json.loads(subprocess.run([str(w) for w in words], stdout=subprocess.PIPE).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    factors = np.load(words[-1] / "factors.npz")
    name = f"thalweg {penalty}{' --stream' if stream else ''}"
    print(f"{name:22} {iterations:>4} iterations: {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:7.1f} s of the processor, "
          f"{time.time() - begin:7.1f} s, {fit['seconds']:7.1f} s of them from the start on without the proof, RMSE {rmse(factors['U'], factors['V'], test):.5f}, {fit['peak_memory'] / 2**30:.2f} GiB, passes {fit.get('passes')}", flush=True)


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
        now = (processor_seconds(child.pid), time.time())
        numbers = re.match(r"\s*(\d+)\s+([\d.]+)\s+([\d.]+)", line)
        if numbers and numbers[1] == "0":
            first = now
        if numbers and first:
            name = f"LIBMF {penalty:g}, {eta:g}"
            print(f"{name:18} {int(numbers[1]) + 1:4} iterations: {now[0] - first[0]:7.1f} s of the processor, {now[1] - first[1]:7.1f} s, RMSE {numbers[3]}", flush=True)
        elif "peak" in line:
            print(f"LIBMF took {int(line.split()[1]) / 2**20:.2f} GiB", flush=True)
    child.wait()


def processor_seconds(process):
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    folder, program, threads, penalties = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4].split(",")
    iterations = sys.argv[5:]
    print("load", os.getloadavg(), flush=True)
    test = triplets(folder / "ratings.test")
    for penalty in penalties:
        for count in iterations:
            thalweg(program, folder, test, threads, penalty, count, False)
    thalweg(program, folder, test, threads, penalties[-1], iterations[-1], True)
    del test
    for penalty in penalties:
        libmf(folder, threads, 3 * int(iterations[-1]), float(penalty), 0.1)
    print("load", os.getloadavg(), flush=True)


if __name__ == "__main__":
    main()
