"""Figures, tables and theorems of the papers done again, and phase diagrams of recovery."""

import json
import os

from . import _thalweg
from ._figures import Figure
from ._nmf import whole
from ._record import Record, _frame, with_result


class Reproduction(Record):
    """An experiment as far as it is done: the ``verdict`` in sentences, ``checks`` of numbers against statements, and ``figures``.

    ``trials_done`` of ``trials`` are finished; ``page`` is the page that was written, if one was.
    """

    def __init__(self, record):
        self._words, self.page = record.pop("words"), record.pop("page")
        record["figures"] = [Figure(figure) for figure in record.pop("drawn")]
        super().__init__(record)

    def _text(self):
        return self._words

    def _repr_html_(self):
        return super()._repr_html_() + "".join(figure._repr_html_() for figure in self.figures[:1])

    def to_dict(self):
        """The document that the command line prints; figures by their names."""
        return {**self._record, "figures": [figure.id for figure in self.figures]}

    def to_frame(self):
        """The checks, as a frame of pandas."""
        return _frame(self.checks, columns=["what", "source", "expected", "found", "tolerance", "agreement"])

    def plot(self, ax=None, figure=0):
        """A figure, by its number or its ``id``."""
        named = [drawn for number, drawn in enumerate(self.figures) if figure in (number, drawn.id)]
        if not named:
            raise ValueError(f"figure is {figure!r}, expected one of {[drawn.id for drawn in self.figures]}")
        return named[0].plot(ax)


def reproduce(paper, item=None, *, scale="reduced", dir=None, data=None, shard=(1, 1), merge=(), max_time=None, threads=None):
    """A figure, table or theorem of a paper, done again and held against what the paper says.

    ``paper``: "star-convexity" or "flat-minima"; ``item``: see :func:`experiments`, None for all of them (then a list is returned).
    ``scale``: "smoke", "reduced" or "full". ``dir``: the folder of trials and pages; the same call goes on where it stood, and ``merge`` takes
    over the trials of other folders. ``data``: the folder of data sets. ``shard``: (I, N) does part I of N.
    """
    plan = _plan(scale, dir, data, shard, merge, max_time)
    found = _found(*_thalweg.reproduce(paper, "all" if item is None else item, plan, threads))
    return found if item in (None, "all") else found[0]


def phase_diagram(model, x, y, *, at=None, trials=10, seed=0, dir=None, shard=(1, 1), merge=(), max_time=None, threads=None):
    """How often a random matrix of low rank is the minimiser of the flat and of the nuclear norm, over two parameters.

    ``model``: "sensing", "bilinear", "quadratic" or "completion". ``x``, ``y``: (parameter, first, last, how many), of the parameters d, d1,
    d2, rank, skew, rate (p/d; in completion the share of entries seen) and p. ``at``: other parameters by name. ``trials`` random maps for
    each cell. The others as for :func:`reproduce`.
    """
    plan = _plan("full", dir, None, shard, merge, max_time)
    sweeps = [(str(name), float(first), float(last), int(count)) for name, first, last, count in (x, y)]
    fixed = {str(name): float(value) for name, value in (at or {}).items()}
    drawn = whole("trials", trials, 1), whole("seed", seed, 0)
    return _found(*_thalweg.phase_diagram(model, *sweeps, fixed, *drawn, plan, threads))[0]


def experiments(paper=None, *, data=None):
    """What :func:`reproduce` knows: a dictionary for each item, with its title, what the paper says, and the trials at each scale."""
    return json.loads(_thalweg.experiments(paper, data))


def _plan(scale, dir, data, shard, merge, max_time):
    path = lambda folder: None if folder is None else os.fspath(folder)
    plan = {"scale": scale, "shard": list(shard), "merge": [path(folder) for folder in merge], "max_time": max_time}
    return json.dumps(plan | {"dir": path(dir), "data": path(data)})


def _found(records, interrupt):
    found = [Reproduction(json.loads(record)) for record in records]
    if interrupt is not None:
        raise with_result(interrupt, found[-1])
    return found
