"""What a new installation does: a fit beside NumPy alone, and the time that importing takes."""

import subprocess
import sys

IMPORT = "import time; begin = time.perf_counter(); import {}; print(time.perf_counter() - begin)"


def milliseconds(name):
    """The least of five imports, each in a process of its own."""
    times = [subprocess.run([sys.executable, "-c", IMPORT.format(name)], capture_output=True, text=True, check=True).stdout for _ in range(5)]
    return 1000 * min(map(float, times))


import numpy

import thalweg

print("thalweg", thalweg.__version__, thalweg.NMF(2).fit(numpy.eye(4) + 1).status_)
print(f"import numpy {milliseconds('numpy'):.0f} ms, import thalweg and numpy {milliseconds('numpy, thalweg; thalweg.NMF'):.0f} ms")
