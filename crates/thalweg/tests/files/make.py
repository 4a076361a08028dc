"""Writes the files beside it, with NumPy and SciPy: python make.py

Made with NumPy 2.4.6, SciPy 1.17.1.
"""
import numpy as np
import scipy.sparse as sp

x = np.array([[1.0, 0.0, 2.0], [0.0, 3.5, 0.0]])
for format in ["csr", "csc", "coo"]:
    sp.save_npz(f"{format}.npz", sp.coo_array(x).asformat(format))
np.savez_compressed("compressed.npz", x=x.astype(">f4"), labels=np.arange(3))
np.save("fortran.npy", np.asfortranarray(x))
np.save("objects.npy", np.array([[1, "a"]], dtype=object), allow_pickle=True)
