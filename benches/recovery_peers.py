"""What recovery is compared with in recover.py: specialised methods written here in NumPy, and packages where they are installed.

Each takes an instance and returns (answer, steps). The inexact augmented Lagrangian method for robust PCA (Lin, Chen, Ma 2010), with full and
with partial decompositions; accelerated alternating projections (Cai, Cai, Wei 2019), told the rank; soft-thresholded singular values with a
falling threshold (Mazumder, Hastie, Tibshirani 2010); amplitude flow for phase retrieval (Wang, Giannakis, Eldar 2018); Newton's method on the
smooth dual of deep sparse recovery; accelerated ascent on a smoothed dual (Becker, Candes, Grant 2011). CVXPY with SCS or Clarabel, HiGHS through SciPy, cmfrec.
"""

import numpy as np


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
    import scipy.optimize

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


def soft_impute(rows, cols, values, shape, tol=1e-10, rounds=4000):
    """Completion: the threshold falls by 3 % with each step, from the largest singular value to 1e-11 of it."""
    x = np.zeros(shape)
    x[rows, cols] = values
    level = np.linalg.norm(x, 2)
    floor, steps = 1e-11 * level, 0
    while steps < rounds:
        level, steps = max(0.97 * level, floor), steps + 1
        x[rows, cols] = values
        u, s, v = np.linalg.svd(x, full_matrices=False)
        x = (u * np.maximum(s - level, 0)) @ v
        if np.linalg.norm(x[rows, cols] - values) < tol * np.linalg.norm(values):
            break
    return x, steps


def cmfrec_als(rows, cols, values, shape, rank):
    import cmfrec
    import pandas as pd

    model = cmfrec.CMF(k=rank, lambda_=1e-11, method="als", use_cg=False, niter=200, user_bias=False, item_bias=False, center=False,
                       use_float=False, nthreads=1, verbose=False, random_state=1)  # fmt: skip
    model.fit(pd.DataFrame({"UserId": rows, "ItemId": cols, "Rating": values}))
    x = np.zeros(shape)
    x[np.ix_(model.user_mapping_.astype(int), model.item_mapping_.astype(int))] = model.A_ @ model.B_.T
    return x, 200


def amplitude_flow(x, b, tol=1e-15, rounds=3000):
    """Phase retrieval, b = (Xu)^2: gradient steps on the amplitudes from the weighed spectral start."""
    p, d = x.shape
    y = b / b.mean()
    w = (y - 1) / (y + np.sqrt(p / d) - 1)
    u = np.linalg.eigh((x.T * w) @ x)[1][:, -1] * np.sqrt(b.mean())
    root = np.sqrt(b)
    for step in range(1, rounds + 1):
        z = x @ u
        rest = z - root * np.sign(z)
        u = u - 0.9 * (x.T @ rest) / p
        if np.linalg.norm(rest) < tol * np.linalg.norm(root) * np.sqrt(p):
            break
    return u, step


def dense_rows(z):
    if "A" in z:
        return z["A"].reshape(len(z["A"]), -1)
    left, right = (z["x"], z["x"]) if "x" in z else (z["a"], z["c"])
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)


def smoothed_dual(kind, z, tol=1e-9, rounds=20000):
    """Accelerated dual ascent on |X|_* + (mu/2)|X - X0|^2 with X0 moved to X, as TFOCS does it (Becker, Candes, Grant 2011)."""
    shape = z["truth"].shape
    if kind == "completion":
        at, b = (z["rows"], z["cols"]), z["values"]

        def measure(x):
            return x[at]

        def combine(y):
            g = np.zeros(shape)
            g[at] = y
            return g

        norm = 1.0
    else:
        rows, b = dense_rows(z), z["b"]
        measure, combine = (lambda x: rows @ x.ravel()), (lambda y: (y @ rows).reshape(shape))
        norm = np.linalg.norm(rows, 2)
    x0, steps = np.zeros(shape), 0
    mu = 1 / np.linalg.norm(combine(b) / norm**2, 2)
    y = np.zeros(len(b))
    while steps < rounds:
        ahead, weight, before = y, 1.0, np.inf
        for inner in range(400):
            steps += 1
            u, s, v = np.linalg.svd(x0 + combine(ahead) / mu, full_matrices=False)
            x = (u * np.maximum(s - 1 / mu, 0)) @ v
            rest = b - measure(x)
            # a restart wherever the residual grows
            if np.linalg.norm(rest) > before:
                ahead, weight = y, 1.0
            before = np.linalg.norm(rest)
            new, next_weight = ahead + mu / norm**2 * rest, (1 + np.sqrt(1 + 4 * weight**2)) / 2
            y, ahead, weight = new, new + (weight - 1) / next_weight * (new - y), next_weight
            if before < 0.1 * tol * np.linalg.norm(b) or (inner > 20 and before < 1e-3 * np.linalg.norm(x - x0) * norm * 1e-1):
                break
        moved, x0 = np.linalg.norm(x - x0), x
        if before < tol * np.linalg.norm(b) and moved < tol * np.linalg.norm(x):
            break
    return x, steps


def cvxpy(solver, kind, z, radius=0.0):
    """The nuclear norm by a general tool, at 1e-9 for SCS and at Clarabel's own 1e-8."""
    import cvxpy as cp

    shape = z["truth"].shape
    x = cp.Variable(shape, symmetric=kind == "quadratic")
    if kind == "completion":
        fits = x[z["rows"].astype(int), z["cols"].astype(int)] == z["values"]
    else:
        rest = dense_rows(z) @ cp.vec(x, order="C") - z["b"]
        fits = cp.norm(rest) <= radius if radius > 0 else rest == 0
    problem = cp.Problem(cp.Minimize(cp.normNuc(x)), [fits])
    options = {"SCS": dict(eps_abs=1e-9, eps_rel=1e-9, max_iters=100000), "CLARABEL": dict(max_threads=1)}[solver]
    problem.solve(solver=solver, **options)
    return x.value, problem.solver_stats.num_iters


def prototype(folder, kind, z, is_flat):
    """A NumPy prototype in FOLDER/recovery.py, with build_dense, build_mask and solve_nn."""
    import sys

    sys.path.insert(0, str(folder))
    import recovery

    truth = z["truth"]
    if kind == "completion":
        mask = np.zeros(truth.shape, bool)
        mask[z["rows"], z["cols"]] = True
        operator, back, _ = recovery.build_mask(truth * mask, mask, is_flat)
    else:
        operator, back, _ = recovery.build_dense(dense_rows(z), z["b"], *truth.shape, is_flat, kind == "quadratic")
    return back(recovery.solve_nn(operator).X), ""


def prototype_in_ball(folder, z):
    """The same with noise, whose norm is `radius`."""
    import sys

    sys.path.insert(0, str(folder))
    import recovery

    ball = recovery.Ell(dense_rows(z), z["truth"].shape[0])
    ball.set(z["b"], float(z["radius"]))
    x, steps, *_ = recovery.solve_ball(ball)
    return x, steps
