#!/usr/bin/env python3
"""Times thalweg's NMF against its peers: python3 benches/compare.py all --data FOLDER --work FOLDER [--problems D1,S1] [--repeats 3]

Steps, each of which keeps what is already there:
    problems   makes the data and one start for each, as .npy and .npz files, in the work folder
    peers      runs every peer on them, one process for each pair
    ours       runs thalweg's `fit_trace` example on the same files
    speed      times iterations against their products with the `fit_speed` example
    table      writes docs/benchmarks.md and docs/benchmarks.svg from the traces
    choice     runs the two methods that the default chooses from above rank 24 on problems of their own, and prints the table of docs/methods.md

A trace is a list of (seconds, iteration, objective[, held-out RMSE]) without reading files and without evaluating the objective, which is
recomputed in f64 for everybody. Seconds are CPU seconds of the process with one thread, elapsed seconds with more. Peers: `pip install
numpy scipy scikit-learn cmfrec libmf nmf-rs nmf-torch mlpack` in a virtual environment, whose Python runs this file, and Debian's
r-cran-rcppml. A peer that is missing is left out with a line that says so.
"""

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import peers
import problems
import tables

REPO = Path(__file__).resolve().parent.parent

OURS = {
    "dense": ["call", "default", "hals", "extrapolated-hals", "compressed", "compressed-anls", "minibatch", "default-f32"],
    "sparse": ["call", "default", "hals", "extrapolated-hals", "extrapolated-anls", "default-f32"],
    "observed": ["call", "default", "extrapolated-hals", "default@0.018", "default-f32", "default-f32@0.018"],
}


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
    threads = str(args.threads)
    for method in args.methods.split(",") if args.methods else peers.PEERS[problems.kind(name)]:
        env = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        if not method.endswith("avx2"):
            env["OPENBLAS_CORETYPE"] = "SkylakeX"
        command = [sys.executable, __file__, "peer", name, method, "--work", args.work, "--threads", threads]
        run_pair(args, name, method, command, env)


def run_ours(args, name):
    program = args.program or REPO / "target/release/examples/fit_trace"
    kind, clock = problems.kind(name), "cpu" if args.threads == 1 else "wall"
    for method in args.methods.split(",") if args.methods else OURS[kind]:
        limit = problems.limit(name) * args.limit_scale
        command = [program, args.work / name, method, str(limit), "observed" if kind == "observed" else "full", clock]
        run_pair(args, name, f"thalweg-{method}", command, {"RAYON_NUM_THREADS": str(args.threads)})


def peer(args):
    """In a process of its own: its trace and the memory that it took."""
    # some peers print; the trace is the last line
    stdout = os.dup(1)
    os.dup2(2, 1)
    rows = peers.trace(args.name, args.method, args.work, args.threads)
    os.dup2(stdout, 1)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps({"trace": rows, "peak_mb": peak}))


def choice(args):
    names, methods = list(problems.SPECTRA), ["compressed", "compressed-anls"]
    args.methods = ",".join(methods)
    for name in names:
        problems.save(name, args.data, args.work)
        run_ours(args, name)
    for line in tables.choice(args.work, names, [f"thalweg-{method}" for method in methods]):
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["all", "problems", "peers", "ours", "speed", "table", "choice", "peer"])
    parser.add_argument("name", nargs="?")
    parser.add_argument("method", nargs="?")
    parser.add_argument("--data", type=Path, help="folder with the real data sets, as data/README.md of the project lays them out")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--problems", default=",".join(problems.PROBLEMS))
    parser.add_argument("--methods", help="only these, with commas between")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--limit-scale", type=float, default=1.0, help="our share of the seconds that peers get")
    parser.add_argument("--program", type=Path, help="the fit_trace program; by default the release build of this checkout")
    parser.add_argument("--machine", default="", help="what the table says of the machine")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    args = parser.parse_args()
    if args.step == "peer":
        return peer(args)
    if args.step == "choice":
        return choice(args)
    names = args.problems.split(",")
    for name in names:
        if args.step in ("all", "problems"):
            problems.save(name, args.data, args.work)
        if args.step in ("all", "peers"):
            run_peers(args, name)
        if args.step in ("all", "ours"):
            run_ours(args, name)
    if args.step in ("all", "speed"):
        program = REPO / "target/release/examples/fit_speed"
        (args.work / tables.SPEED).write_text(subprocess.run([program], capture_output=True, text=True, check=True).stdout)
    if args.step in ("all", "table"):
        tables.write(REPO / "docs", args.work, names, f"Date {args.date}; {args.machine}.")


if __name__ == "__main__":
    main()
