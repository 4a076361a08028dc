"""The problems that the benchmark runs on: planted ones from fixed seeds, and real ones read from the folder of data sets."""

import gzip

# name: (what, kind, rank, limit in seconds)
PROBLEMS = {
    "D1": ("planted dense 2000x1500", "dense", 20, 8),
    "D2": ("planted dense 5120x1246", "dense", 88, 40),
    "D3": ("planted dense 94249x162", "dense", 4, 6),
    "D4": ("planted dense 400x10304", "dense", 49, 25),
    "orl": ("ORL faces 400x10304", "dense", 49, 15),
    "urban": ("Urban crop 8000x162", "dense", 4, 5),
    "jasper": ("Jasper Ridge 10000x198", "dense", 4, 5),
    "metabolic": ("metabolic 9335x36", "dense", 3, 3),
    "S1": ("planted sparse 20000x10000 1 %", "sparse", 20, 5),
    "kos": ("KOS counts 3430x6906 sparse", "sparse", 20, 5),
    "M1": ("ML-1M 3953x6041 observed-only, 90 % kept", "observed", 20, 30),
    "M2": ("planted ratings 47928x8963, 5.2 million observed, 90 % kept", "observed", 20, 40),
}

# those by which the default method above rank 24 was chosen, the sharpest fall of the spectrum first
SPECTRA = {
    "faint": ("planted 400x10304, noise 1 %", "dense", 49, 8),
    "clear": ("planted 1500x1200, noise 10 %", "dense", 40, 8),
    "noisy": ("planted 400x10304, noise 20 %", "dense", 49, 8),
    "faces": ("ORL faces 400x10304", "dense", 30, 8),
    "clothes": ("Fashion-MNIST 8000x784", "dense", 40, 8),
    "birdsong": ("spectrogram of birdsong 1025x496", "dense", 60, 8),
    "photographs": ("CIFAR-10 4000x1024", "dense", 49, 8),
}

ALL = PROBLEMS | SPECTRA


def kind(name):
    return ALL[name][1]


def rank(name):
    return ALL[name][2]


def limit(name):
    return ALL[name][3]


def planted(m, n, r, seed, noise=0.05):
    import numpy as np

    rng = np.random.default_rng(seed)
    product = np.abs(rng.standard_normal((m, r))) @ np.abs(rng.standard_normal((n, r))).T
    product += noise * np.sqrt(np.mean(product**2)) * rng.standard_normal((m, n))
    return np.maximum(product, 0.0)


def spectral_fall(x, r):
    """How sharply the singular values fall at the rank or shortly before it, as the default method sees it: see `spectral_fall` of the library."""
    import numpy as np

    x = x if x.shape[0] >= x.shape[1] else x.T
    seen = min(len(x), 6 * r + 40)
    values = np.linalg.svd(x[np.arange(seen) * len(x) // seen], compute_uv=False)
    here, behind = values[r // 2 - 1 : r], values[r // 2 : r + 1]
    return float(np.max(here / behind * values[r] / behind))


def planted_ratings(m, n, count, r, seed):
    """Popularity falls off as 1/sqrt(rank); values 1 to 5 in halves of a planted product with noise."""
    import numpy as np
    import scipy.sparse as sp

    rng = np.random.default_rng(seed)
    draw = lambda size, n: rng.choice(n, size, p=(w := 1 / np.sqrt(1 + np.arange(n))) / w.sum())
    cells = np.unique(draw(int(count * 1.3), m).astype(np.int64) * n + draw(int(count * 1.3), n))
    cells = np.sort(rng.permutation(cells)[:count])
    row, col = cells // n, cells % n
    u, v = (np.abs(rng.standard_normal((k, r))) for k in (m, n))
    product = np.einsum("er,er->e", u[row], v[col])
    product = 3.5 + (product - product.mean()) / product.std() + 0.8 * rng.standard_normal(count)
    x = sp.csr_matrix((np.clip(np.round(2 * product) / 2, 1, 5), (row, col)), shape=(m, n))
    return split(x.tocoo(), rng)


def split(x, rng):
    import scipy.sparse as sp

    keep = rng.random(x.nnz) < 0.9
    part = lambda s: sp.csr_matrix((x.data[s], (x.row[s], x.col[s])), shape=x.shape)
    return part(keep), part(~keep)


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
    if name == "faint":
        return planted(400, 10304, 49, 4, 0.01)
    if name == "clear":
        return planted(1500, 1200, 40, 5, 0.1)
    if name == "noisy":
        return planted(400, 10304, 49, 4, 0.2)
    if name == "clothes":
        with gzip.open(data / "fashion-mnist/t10k-images-idx3-ubyte.gz") as images:
            return np.frombuffer(images.read()[16:], dtype=np.uint8).reshape(-1, 784)[:8000].astype(float)
    if name == "birdsong":
        import scipy.io.wavfile
        import scipy.signal

        _, sound = scipy.io.wavfile.read(data / "birdsong/xc27039.wav")
        mono = sound[:, 0] if sound.ndim > 1 else sound
        return np.abs(scipy.signal.stft(mono / 32768, nperseg=2048, noverlap=1536)[2])
    if name == "photographs":
        with gzip.open(data / "cifar-10/data_batch_1-first4000.bin.gz") as images:
            return np.frombuffer(images.read(), dtype=np.uint8).reshape(-1, 3073)[:, 1:1025].astype(float)
    if name in ("orl", "faces"):
        images = (data / f"orl-faces/s{subject}/{image}.pgm" for subject in range(1, 41) for image in range(1, 11))
        return np.array([np.frombuffer(path.read_bytes()[-10304:], dtype=np.uint8) for path in images], dtype=float)
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
        return sp.coo_matrix((np.einsum("er,er->e", u[row], v[col]) * np.exp(0.1 * rng.standard_normal(len(row))), (row, col)), shape=(m, n)).tocsr()
    if name == "kos":
        with gzip.open(data / "text/docword.kos.txt.gz", "rt") as lines:
            numbers = np.array(lines.read().split(), dtype=np.int64)
        m, n, _ = numbers[:3]
        d, w, c = numbers[3:].reshape(-1, 3).T
        return sp.csr_matrix((c.astype(float), (d - 1, w - 1)), shape=(m, n))
    if name == "M1":
        with gzip.open(data / "movielens-1m/ratings-rebuilt.dat.gz", "rt", encoding="latin-1") as lines:
            t = np.array([l.split("::")[:3] for l in lines], dtype=np.int64)
        return split(sp.coo_matrix((t[:, 2].astype(float), (t[:, 1], t[:, 0])), shape=(3953, 6041)), np.random.default_rng(6))
    if name == "M2":
        return planted_ratings(47928, 8963, 5_200_000, 20, 7)
    raise KeyError(name)


def save(name, data, work):
    """The matrix, held-out entries where there are any, and one start, in `work/name`."""
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
    rng = np.random.default_rng(100)
    mean = x.data.mean() if kind(name) == "observed" else x.mean()
    scale = np.sqrt(mean * np.pi / 2 / rank(name))
    u, v = (np.ascontiguousarray(scale * np.abs(rng.standard_normal((k, rank(name))))) for k in x.shape)
    if kind(name) == "observed":
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


def load_held(name, work):
    """The held-out entries; none where every entry counts."""
    import scipy.sparse as sp

    path = work / name / "held.npz"
    return sp.load_npz(path).tocoo() if path.exists() else None


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


def rmse(held, u, v):
    import numpy as np

    return float(np.sqrt(np.mean((np.einsum("er,er->e", u[held.row].astype(float), v[held.col].astype(float)) - held.data) ** 2)))
