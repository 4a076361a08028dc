"""One page about one or several runs."""

import json
import os
import pathlib

import numpy as np

from . import _thalweg


def report(*runs, output="report.html", image_shape=None, image_order="rows", images=()):
    """Writes one self-contained page about the runs, and its figures as SVG and CSV in the folder ``figures`` beside it.

    Each run is a fitted estimator or its ``result_``, a pair of one with its audit, or a run directory of the command line. Recoveries are
    run directories, with a page of their own: ``image_shape`` (height, width), ``image_order`` ("rows" or "columns") and ``images`` say
    which rows are shown as images. Returns the path of the page.
    """
    shown = [_run(number, run) for number, run in enumerate(runs, 1)]
    html, _ = _thalweg.report(shown, os.fspath(output), image_shape, image_order, list(images))
    return pathlib.Path(html)


def _run(number, run):
    """A path, or a fit as the compiled half takes it."""
    if isinstance(run, (str, os.PathLike)):
        return os.fspath(run)
    model, audit = run if isinstance(run, tuple) else (run, None)
    fit = getattr(model, "result_", model)
    return {
        "name": f"fit {number}" if model is fit else repr(model),
        "manifest": json.dumps(fit.manifest),
        "audit": None if audit is None else json.dumps(audit.to_dict()),
        "history": fit.history,
        "u": np.asarray(fit.U, dtype=np.float64),
        "v": np.asarray(fit.V, dtype=np.float64),
        "row_labels": _words(fit.row_labels),
        "column_labels": _words(fit.column_labels),
    }


def _words(labels):
    return None if labels is None else [str(label) for label in labels]
