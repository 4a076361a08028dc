"""What a new installation does: a fit beside NumPy alone, and the time that importing takes."""

import subprocess
import sys

IMPORT = "import time; begin = time.process_time(); import {}; print(time.process_time() - begin)"


def milliseconds(name):
    """CPU time of an import: the least of five, each in a process of its own."""
    times = [subprocess.run([sys.executable, "-c", IMPORT.format(name)], capture_output=True, text=True, check=True).stdout for _ in range(5)]
    return 1000 * min(map(float, times))


import numpy

import thalweg

print("thalweg", thalweg.__version__, thalweg.NMF(2).fit(numpy.eye(4) + 1).status_)
print(f"CPU time of imports: numpy {milliseconds('numpy'):.0f} ms, with thalweg {milliseconds('numpy, thalweg; thalweg.NMF'):.0f} ms")
