"""Times thalweg's recovery against a NumPy prototype or general convex tools, on the same instances.

    cargo build --release -p thalweg --example recover_speed
    python3 benches/recover.py [--prototype FOLDER] [--cvxpy] [--repeats 5]

Needs numpy; cvxpy with SCS and Clarabel for --cvxpy. FOLDER holds a recovery.py with build_dense, build_mask, solve_nn. Processor seconds of one
thread, the best of several runs; setting up (rescaling, factorisations) counts, reading the file does not.
"""
import argparse, json, os, subprocess, sys, tempfile, time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def instances(folder):
    rng = np.random.default_rng(5)

    def low_rank(d, signs=None):
        if signs is None:
            m = rng.standard_normal((d, 2)) @ rng.standard_normal((2, d))
        else:
            g = rng.standard_normal((d, len(signs)))
            m = (g * signs) @ g.T
        return m / np.linalg.norm(m)

    def save(name, **arrays):
        path = os.path.join(folder, name + ".npz")
        np.savez(path, **arrays)
        return path

    for d, p in ((25, 200), (50, 500)):
        m = low_rank(d)
        a = rng.standard_normal((p, d, d))
        yield "sensing", save(f"sensing-{d}-{p}", A=a, b=a.reshape(p, -1) @ m.ravel(), truth=m)
        l, r = rng.standard_normal((p, d)), rng.standard_normal((p, d))
        if d == 50:
            yield "bilinear", save(f"bilinear-{d}-{p}", a=l, c=r, b=np.einsum("pi,ij,pj->p", l, m, r), truth=m)
    m = low_rank(50)
    rows, cols = np.nonzero(rng.random((50, 50)) < 0.4)
    yield "completion", save("completion-50", rows=rows, cols=cols, values=m[rows, cols], shape=np.array([50, 50]), truth=m)
    m = low_rank(30, np.array([1.0, 1.0, -1.0]))
    x = rng.standard_normal((300, 30))
    yield "quadratic", save("quadratic-30-300", x=x, b=np.einsum("pi,ij,pj->p", x, m, x), truth=m)


def dense_rows(z):
    if "A" in z:
        return z["A"].reshape(len(z["A"]), -1)
    left, right = (z["x"], z["x"]) if "x" in z else (z["a"], z["c"])
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)


def best(run, repeats):
    seconds = []
    for _ in range(repeats):
        begin = time.process_time()
        answer = run()
        seconds.append(time.process_time() - begin)
    return min(seconds), answer


def prototype(folder, kind, z, flat, repeats):
    sys.path.insert(0, folder)
    import recovery

    truth = z["truth"]
    if kind == "completion":
        mask = np.zeros(z["shape"], bool)
        mask[z["rows"], z["cols"]] = True
        build = lambda: recovery.build_mask(truth * mask, mask, flat)
    else:
        rows = dense_rows(z)
        build = lambda: recovery.build_dense(rows, z["b"], *truth.shape, flat, kind == "quadratic")

    def run():
        op, back, _ = build()
        return back(recovery.solve_nn(op).X)

    seconds, x = best(run, repeats)
    return seconds, np.linalg.norm(x - truth)


def cvxpy(solver, kind, z):
    import cvxpy as cp

    truth = z["truth"]
    x = cp.Variable(truth.shape, symmetric=kind == "quadratic")
    if kind == "completion":
        fits = x[z["rows"], z["cols"]] == z["values"]
    else:
        fits = dense_rows(z) @ cp.vec(x, order="C") == z["b"]
    problem = cp.Problem(cp.Minimize(cp.normNuc(x)), [fits])
    options = {"SCS": dict(eps_abs=1e-9, eps_rel=1e-9, max_iters=100000), "CLARABEL": {}}[solver]
    begin = time.process_time()
    problem.solve(solver=solver, **options)
    return time.process_time() - begin, np.linalg.norm(x.value - truth)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prototype", help="folder with recovery.py")
    parser.add_argument("--cvxpy", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--binary", default=os.path.join(HERE, "../target/release/examples/recover_speed"))
    options = parser.parse_args()
    print("| instance | norm | thalweg: solve s | verify s | error | certified | radius | other: s | error |\n|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in instances(folder):
            z = np.load(path)
            for norm in ("nuclear", "flat"):
                out = subprocess.run(
                    [options.binary, kind, path, norm, str(options.repeats)],
                    env={**os.environ, "RAYON_NUM_THREADS": "1"}, check=True, capture_output=True, text=True,
                ).stdout
                record = json.loads(out)
                verdict = record["verdict"]
                radius = verdict["radius"]
                own = (
                    f"{record['solve_seconds']:.4f} | {record['verify_seconds']:.4f} | {record['relative_error']:.0e} | "
                    f"{'yes' if verdict['certified'] else verdict['unproved']} | {'' if radius is None else format(radius, '.0e')}"
                )
                others = []
                if options.prototype:
                    others.append(("prototype", *prototype(options.prototype, kind, z, norm == "flat", options.repeats)))
                if options.cvxpy and norm == "nuclear":
                    others += [(name, *cvxpy(name, kind, z)) for name in ("SCS", "CLARABEL")]
                times = ", ".join(f"{name} {seconds:.3f}" for name, seconds, _ in others)
                errors = ", ".join(f"{error:.0e}" for _, _, error in others)
                print(f"| {os.path.basename(path)[:-4]} | {norm} | {own} | {times} | {errors} |", flush=True)


if __name__ == "__main__":
    main()
