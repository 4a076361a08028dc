"""Writes the files beside it that other libraries make: python make_more.py

Made with h5py 3.16, NumPy 2.4, SciPy 1.17, Astropy 8.0, soundfile 0.14 (libsndfile 1.2); table.csv.* with bzip2, xz and zstd.
Needs the sample of the HDF5 format, ../../src/data/embedded/sample.h5, to be writable.
"""
import h5py
import numpy as np
import scipy.io
import scipy.sparse as sp
import soundfile
from astropy.io import fits

x = np.array([[1.0, 0.0, 2.0], [0.0, 3.5, 0.0]])

with h5py.File("../../src/data/embedded/sample.h5", "w") as file:
    file["x"] = x.astype("f4")

with h5py.File("chunked.h5", "w") as file:
    options = dict(chunks=(2, 2), compression="gzip", shuffle=True, fletcher32=True)
    file.create_dataset("group/x", data=x, **options)
    file.create_dataset("group/cube", data=np.arange(24, dtype=">i2").reshape(2, 3, 4))

with h5py.File("sparse.h5ad", "w") as file:
    file.attrs["encoding-type"] = "anndata"
    group = file.create_group("X")
    csr = sp.csr_array(x)
    group.attrs["encoding-type"] = "csr_matrix"
    group.attrs["shape"] = np.array(x.shape)
    for name in ["data", "indices", "indptr"]:
        group[name] = getattr(csr, name)
    for side, names in [("obs", ["cell1", "cell2"]), ("var", ["a", "b", "c"])]:
        table = file.create_group(side)
        table.attrs["_index"] = "names"
        table["names"] = np.array(names, dtype=h5py.string_dtype())
    file["obsm/X_pca"] = np.ones((2, 2))

with h5py.File("v73.mat", "w", userblock_size=512) as file:
    file["x"] = x.T
    file["x"].attrs["MATLAB_class"] = np.bytes_("double")
    group = file.create_group("s")
    csc = sp.csc_array(x)
    group.attrs["MATLAB_class"] = np.bytes_("double")
    group.attrs["MATLAB_sparse"] = np.uint64(2)
    group["data"], group["ir"], group["jc"] = csc.data, csc.indices.astype("u8"), csc.indptr.astype("u8")
with open("v73.mat", "r+b") as file:
    file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")

scipy.io.savemat("compressed.mat", {"x": x, "s": sp.csc_array(x), "words": ["a", "b"], "cube": np.arange(24, dtype="u1").reshape(2, 3, 4)},
                 do_compression=True)

table = fits.BinTableHDU.from_columns([
    fits.Column("flux", "3E", array=x), fits.Column("ivar", "3E", array=[[1, 2, 0], [4, 5, 6]]), fits.Column("name", "3A", array=["a", "b"])], name="T")
image = fits.ImageHDU(np.array([[1, 2], [3, 4]], dtype="u2"), name="SCI")
fits.HDUList([fits.PrimaryHDU(), table, image]).writeto("table.fits", overwrite=True)

t = np.arange(4000) / 8000
stereo = np.stack([0.5 * np.sin(2 * np.pi * 500 * t), 0.25 * np.sin(2 * np.pi * 500 * t)], axis=1)
soundfile.write("tone.flac", stereo, 8000, subtype="PCM_16")
soundfile.write("tone.ogg", stereo, 8000, format="OGG", subtype="VORBIS")
soundfile.write("tone.mp3", stereo, 8000, format="MP3")
