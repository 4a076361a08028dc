"""A public set of 110 small problems of factorisation and recovery, and who solves them: docs/problem-set.md, .svg and .csv.

    pip install numpy scikit-learn cmfrec cvxpy thalweg
    python3 benches/problem_set.py [--limit SECONDS] [--only NAME]

Factorisation: ½‖X − UVᵀ‖² over the observed entries, U, V ≥ 0. Everybody gets the same three random starts and keeps the best answer; solved
to ε means: at most ε·½‖X‖² above the best objective that anybody found. Recovery: min ‖X‖_* with A(X) = b, symmetric where the measurements
are quadratic. Solved to ε means: an objective at most ε above the best known, relative to it, and ‖A(X) − b‖ ≤ ε‖b‖. The best known is the
least objective among the answers with ‖A(X) − b‖ ≤ 1e-9‖b‖. Objectives and residuals are recomputed here for everybody.
"""

import argparse
import hashlib
import json
import math
import time
import warnings
from pathlib import Path

import numpy as np

from recovery_peers import dense_rows

STARTS = 3
TOLERANCES = (1e-3, 1e-6, 1e-9)
DOCS = Path(__file__).resolve().parent.parent / "docs"


# ---- problems ----------------------------------------------------------------------------------------------------------------------------


def planted(rng, m, n, r, zeros=0.0, noise=0.0):
    factor = lambda rows: rng.gamma(1.0, size=(rows, r)) * (rng.random((rows, r)) >= zeros)
    return np.maximum(factor(m) @ factor(n).T + noise * rng.standard_normal((m, n)), 0)


def factorisations():
    """(name, X with NaN where nothing was observed, rank)."""
    rng = lambda name: np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    shapes = [(20, 15), (60, 40), (120, 80)]
    for m, n in shapes:
        for r in (2, 3, 5, 8):
            for kind, zeros, noise in (("exact", 0.0, 0.0), ("noisy", 0.0, 0.3), ("sparse", 0.6, 0.1)):
                name = f"{kind}-{m}x{n}-r{r}"
                yield name, planted(rng(name), m, n, r, zeros, noise), r
        for extra in (1, 3):
            name = f"too-many-{m}x{n}-r{3 + extra}"
            yield name, planted(rng(name), m, n, 3, 0.3, 0.05), 3 + extra
        name = f"scaled-columns-{m}x{n}-r4"
        yield name, planted(rng(name), m, n, 4, 0.3, 0.1) * np.logspace(-3, 0, n), 4
        name = f"counts-{m}x{n}-r4"
        yield name, rng(name).poisson(planted(rng(name), m, n, 4, 0.5)).astype(float), 4
        for hidden in (0.3, 0.6):
            name = f"masked-{m}x{n}-r3-{hidden}"
            x = planted(rng(name), m, n, 3, 0.2, 0.1)
            x[rng(name + "mask").random((m, n)) < hidden] = np.nan
            yield name, x, 3
    plain = planted(rng("odd"), 30, 20, 3, 0.2, 0.1)
    empty = plain.copy()
    empty[4], empty[:, 7] = 0, 0
    yield "empty-row-and-column", empty, 3
    yield "rows-twice", np.repeat(plain, 2, axis=0), 3
    yield "rank-one", np.outer(np.arange(1.0, 13), np.arange(1.0, 9)), 1
    yield "constant", np.full((12, 9), 3.0), 2
    yield "tall", planted(rng("tall"), 300, 6, 3, 0.2, 0.1), 3
    yield "wide", planted(rng("wide"), 6, 300, 3, 0.2, 0.1), 3
    yield "times-1e-8", plain * 1e-8, 3
    yield "times-1e8", plain * 1e8, 3


def recoveries():
    """(name, kind, arrays). Half are above the threshold of exact recovery, half near or below it."""
    for kind in ("sensing", "completion", "quadratic", "bilinear"):
        for d in (8, 12, 16):
            for r in (1, 2):
                for ratio in (1.3, 2.5):
                    name = f"{kind}-d{d}-r{r}-{ratio}"
                    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
                    free = r * (d - (r - 1) / 2) if kind == "quadratic" else r * (2 * d - r)
                    p = min(round(ratio * free), d * d)
                    u, v = rng.standard_normal((d, r)), rng.standard_normal((d, r))
                    truth = u @ u.T if kind == "quadratic" else u @ v.T
                    if kind == "sensing":
                        arrays = {"A": rng.standard_normal((p, d, d))}
                    elif kind == "completion":
                        at = np.sort(rng.permutation(d * d)[:p])
                        arrays = {"rows": at // d, "cols": at % d}
                    elif kind == "quadratic":
                        arrays = {"x": rng.standard_normal((p, d))}
                    else:
                        arrays = {"a": rng.standard_normal((p, d)), "c": rng.standard_normal((p, d))}
                    yield name, kind, {**arrays, "b": measure(kind, arrays, truth), "d": d}


def measure(kind, z, x):
    return x[z["rows"], z["cols"]] if kind == "completion" else dense_rows(z) @ x.ravel()


# ---- solvers of factorisations: (X, U, V, limit) -> (U, V), None where it does not apply ---------------------------------------------------


def thalweg_nmf(tol, max_iter):
    def solve(x, u, v, limit):
        import thalweg

        model = thalweg.NMF(u.shape[1], tol=tol, max_iter=max_iter, max_time=limit, threads=1)
        w = model.fit_transform(x, W=u, H=v.T)
        return w, model.components_.T

    return solve


def sklearn_nmf(solver, tol, max_iter):
    def solve(x, u, v, limit):
        from sklearn.decomposition import NMF

        if np.isnan(x).any():
            return None
        model = NMF(u.shape[1], init="custom", solver=solver, tol=tol, max_iter=max_iter)
        w = model.fit_transform(x, W=u.copy(), H=np.ascontiguousarray(v.T))
        return w, model.components_.T

    return solve


def cmfrec_nmf(x, u, v, limit):
    """Its own start; it has no other. For missing entries, where scikit-learn has nothing: elsewhere it takes a hundred times as long."""
    import cmfrec
    import scipy.sparse

    if not np.isnan(x).any():
        return None

    rows, cols = np.nonzero(~np.isnan(x))
    model = cmfrec.CMF(k=u.shape[1], lambda_=1e-10, method="als", nonneg=True, niter=300, user_bias=False, item_bias=False, center=False,
                       use_cg=False, finalize_chol=False, verbose=False, nthreads=1, random_state=int(1e6 * u[0, 0]) % 2**31)
    model.fit(scipy.sparse.coo_matrix((x[rows, cols], (rows, cols)), shape=x.shape))
    return model.A_, model.B_


NMF_SOLVERS = {
    "thalweg": thalweg_nmf(1e-5, 2000),
    "thalweg, tight": thalweg_nmf(1e-10, 5000),
    "scikit-learn cd": sklearn_nmf("cd", 1e-4, 200),
    "scikit-learn cd, tight": sklearn_nmf("cd", 1e-12, 5000),
    "scikit-learn mu, tight": sklearn_nmf("mu", 1e-12, 2000),
    "cmfrec": cmfrec_nmf,
}


# ---- solvers of recoveries: (kind, arrays) -> X ----------------------------------------------------------------------------------------------


def thalweg_recover(tol):
    def solve(kind, z):
        import scipy.sparse
        import thalweg

        p = thalweg.problems
        problem = {
            "sensing": lambda: p.Sensing(z["A"], z["b"]),
            "bilinear": lambda: p.Bilinear(z["a"], z["c"], z["b"]),
            "quadratic": lambda: p.Quadratic(z["x"], z["b"]),
            "completion": lambda: p.Completion(scipy.sparse.coo_array((z["b"], (z["rows"], z["cols"])), shape=(z["d"], z["d"]))),
        }[kind]()
        return thalweg.recover(problem, tol=tol, threads=1).X

    return solve


def cvxpy_recover(solver, **options):
    def solve(kind, z):
        import cvxpy

        x = cvxpy.Variable((z["d"], z["d"]), symmetric=kind == "quadratic")
        measured = x[z["rows"], z["cols"]] if kind == "completion" else dense_rows(z) @ cvxpy.vec(x, order="C")
        cvxpy.Problem(cvxpy.Minimize(cvxpy.normNuc(x)), [measured == z["b"]]).solve(solver=solver, **options)
        return x.value

    return solve


RECOVERY_SOLVERS = {
    "thalweg": thalweg_recover(1e-9),
    "CVXPY, SCS": cvxpy_recover("SCS"),
    "CVXPY, SCS, tight": cvxpy_recover("SCS", eps_abs=1e-10, eps_rel=1e-10, max_iters=200_000),
    "CVXPY, Clarabel": cvxpy_recover("CLARABEL"),
}


# ---- runs ----------------------------------------------------------------------------------------------------------------------------------


def run_factorisation(x, rank, solver, limit):
    """The best objective of all starts relative to ½‖X‖², and the seconds of all."""
    seen = ~np.isnan(x)
    size = 0.5 * (x[seen] ** 2).sum()
    best, seconds = math.inf, 0.0
    for start in range(STARTS):
        rng = np.random.default_rng(start)
        scale = math.sqrt(x[seen].mean() / rank)
        u, v = (scale * rng.random((rows, rank)) + 1e-12 for rows in x.shape)
        begin = time.process_time()
        answer = solver(x, u, v, limit)
        seconds += time.process_time() - begin
        if answer is None:
            return None
        u, v = (np.asarray(a, dtype=float) for a in answer)
        if np.isfinite(u).all() and np.isfinite(v).all() and u.min() >= 0 and v.min() >= 0:
            best = min(best, 0.5 * ((x - u @ v.T)[seen] ** 2).sum() / size)
    return {"objective": best, "residual": 0.0, "seconds": seconds}


def run_recovery(kind, z, solver):
    begin = time.process_time()
    x = solver(kind, z)
    seconds = time.process_time() - begin
    if x is None or not np.isfinite(x).all():
        return {"objective": math.inf, "residual": math.inf, "seconds": seconds}
    residual = np.linalg.norm(measure(kind, z, x) - z["b"]) / np.linalg.norm(z["b"])
    return {"objective": float(np.linalg.svd(x, compute_uv=False).sum()), "residual": float(residual), "seconds": seconds}


def attempt(run, *arguments):
    try:
        return run(*arguments)
    except Exception as error:  # a solver that fails has not solved it; what it says is kept
        return {"objective": math.inf, "residual": math.inf, "seconds": math.nan, "error": f"{type(error).__name__}: {error}"[:200]}


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]


def all_runs(limit, only):
    for name, x, rank in factorisations():
        if only in name:
            runs = {label: attempt(run_factorisation, x, rank, solver, limit) for label, solver in NMF_SOLVERS.items()}
            yield {"problem": name, "group": "factorisation", "sha256": digest(x), "runs": {k: r for k, r in runs.items() if r}}
    for name, kind, z in recoveries():
        if only in name:
            runs = {label: attempt(run_recovery, kind, z, solver) for label, solver in RECOVERY_SOLVERS.items()}
            yield {"problem": name, "group": "recovery", "sha256": digest(*(z[k] for k in sorted(z) if k != "d")), "runs": runs}


def judge(problem):
    """The least tolerance to which each run solved the problem."""
    runs, is_recovery = problem["runs"], problem["group"] == "recovery"
    fitting = [r["objective"] for r in runs.values() if r["residual"] <= 1e-9]
    problem["best"] = best = min(fitting, default=math.inf)
    for run in runs.values():
        excess = (run["objective"] - best) / (best if is_recovery and best > 0 else 1.0)
        run["reached"] = max(excess, run["residual"], 0.0) if math.isfinite(run["objective"]) and math.isfinite(best) else math.inf


# ---- what is written ----------------------------------------------------------------------------------------------------------------------


def table(problems, group):
    problems = [p for p in problems if p["group"] == group]
    labels = list(dict.fromkeys(label for p in problems for label in p["runs"]))
    lines = ["| solver | problems | to 1e-3 | to 1e-6 | to 1e-9 | CPU seconds, median |", "|---|---|---|---|---|---|"]
    for label in labels:
        runs = [p["runs"][label] for p in problems if label in p["runs"]]
        rates = [f"{sum(r['reached'] <= tolerance for r in runs) / len(runs):.0%}" for tolerance in TOLERANCES]
        seconds = sorted(r["seconds"] for r in runs if math.isfinite(r["seconds"]))
        lines.append(f"| {label} | {len(runs)} | {' | '.join(rates)} | {seconds[len(seconds) // 2]:.3g} |")
    return lines


COLOURS = ["#d55e00", "#e69f00", "#0072b2", "#56b4e9", "#009e73", "#777777"]


def profile(problems, group, tolerance, left, top, width, height):
    """The share of problems that each solves within τ times the seconds of the fastest (Dolan, Moré 2002), τ from 1 to 1000."""
    problems = [p for p in problems if p["group"] == group]
    labels = list(dict.fromkeys(label for p in problems for label in p["runs"]))
    ratios = {label: [] for label in labels}
    for p in problems:
        solved = {label: max(r["seconds"], 1e-4) for label, r in p["runs"].items() if r["reached"] <= tolerance}
        for label, seconds in solved.items():
            ratios[label].append(seconds / min(solved.values()))
    across = lambda tau: left + width * math.log10(tau) / 3
    up = lambda share: top + height * (1 - share)
    parts = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" class="axis"/>',
             f'<text x="{left}" y="{top - 6}">{group}, to {tolerance:g}</text>']
    parts += [f'<text x="{across(10**k):.0f}" y="{top + height + 14}" text-anchor="middle">{10**k}</text>' for k in range(4)]
    parts += [f'<text x="{left - 4}" y="{up(s) + 4:.0f}" text-anchor="end">{s:.0%}</text>' for s in (0, 0.5, 1)]
    for label, colour in zip(labels, COLOURS):
        count = sum(label in p["runs"] for p in problems)
        path = f"M{left} {up(0):.1f}"
        for place, ratio in enumerate(sorted(r for r in ratios[label] if r <= 1000), 1):
            path += f"H{across(ratio):.1f}V{up(place / count):.1f}"
        parts.append(f'<path d="{path}H{left + width}" stroke="{colour}" fill="none" stroke-width="1.8"><title>{label}</title></path>')
    return "".join(parts)


def figure(problems):
    width, height = 250, 150
    panels = [profile(problems, group, tolerance, 60 + column * (width + 60), 40 + row * (height + 90), width, height)
              for row, group in enumerate(("factorisation", "recovery")) for column, tolerance in enumerate(TOLERANCES)]
    keys = []
    for row, solvers in enumerate((NMF_SOLVERS, RECOVERY_SOLVERS)):
        spans = "".join(f'<tspan fill="{colour}">■</tspan> {label}   ' for label, colour in zip(solvers, COLOURS))
        keys.append(f'<text x="60" y="{40 + row * (height + 90) + height + 34}">{spans}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 {2 * (height + 90) + 30}" role="img" aria-label="performance profiles">'
            '<rect width="100%" height="100%" fill="white"/><style>text{font:11px sans-serif;fill:#333}.axis{stroke:#999;fill:none}</style>'
            f'{"".join(panels)}{"".join(keys)}</svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one start of ours")
    parser.add_argument("--only", default="", help="problems whose name holds this; nothing is written then")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    problems = []
    for problem in all_runs(arguments.limit, arguments.only):
        judge(problem)
        problems.append(problem)
        print(problem["problem"], json.dumps({k: r["reached"] for k, r in problem["runs"].items()}), flush=True)
    groups = [group for group in ("factorisation", "recovery") if any(p["group"] == group for p in problems)]
    tables = [line for group in groups for line in (f"## {group.capitalize()}", "", *table(problems, group), "")]
    print("\n".join(tables))
    if arguments.only:
        return
    (DOCS / "problem-set.svg").write_text(figure(problems))
    failed = [f"- `{p['problem']}`, {label}: {run['error']}" for p in problems for label, run in p["runs"].items() if "error" in run]
    about = __doc__.split("\n\n", 2)[2].strip()
    text = [f"# A problem set\n\n{len(problems)} small problems, made by `python3 benches/problem_set.py`, which wrote this page: names, hashes, best known",
            "objectives and what each solver reached are in [problem-set.csv](problem-set.csv).\n", about,
            "\n*Tight* means a tolerance of 1e-12 (ours 1e-10) and at most 5000 iterations (multiplicative updates 2000), for SCS 1e-10 and 200,000; the others\nhave the programs' own settings. One thread, CPU seconds.\n",
            "![performance profiles](problem-set.svg)\n",
            "Across: how many times the seconds of the fastest that solved the problem; up: the share of problems solved by then.\n", *tables]
    if failed:
        text += ["## Programs that ended in an error", "", *failed, ""]
    (DOCS / "problem-set.md").write_text("\n".join(text))
    rows = ["problem,group,sha256,best,solver,objective,residual,reached,seconds"]
    rows += [f"{p['problem']},{p['group']},{p['sha256']},{p['best']!r},\"{label}\",{r['objective']!r},{r['residual']!r},{r['reached']!r},{r['seconds']:.4g}"
             for p in problems for label, r in p["runs"].items()]
    (DOCS / "problem-set.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
