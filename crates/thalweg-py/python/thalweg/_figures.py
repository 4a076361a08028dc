"""Figures as the pages of thalweg have them, and the same data drawn by matplotlib."""

import base64
import pathlib

import numpy as np

from ._record import Record, _axes, _frame

_COLOURS = {"lead": "tab:blue", "quiet": "tab:gray", "against": "tab:red", "open": "tab:orange"}


class Figure(Record):
    """A figure: ``id``, ``title``, ``caption``, its ``svg``, and the numbers behind it in ``kind`` and :meth:`to_frame`."""

    def _text(self):
        return f"{self.title}\n{self.caption}"

    def _repr_html_(self):
        # as an image: the style sheet of the drawing stays its own
        image = base64.b64encode(self.svg.encode()).decode()
        return f'<img src="data:image/svg+xml;base64,{image}">'

    def save(self, path):
        """Writes the SVG."""
        pathlib.Path(path).write_text(self.svg, encoding="utf-8")

    def to_frame(self):
        """All its data, as a frame of pandas."""
        return _frame(self.table["rows"], columns=self.table["header"])

    def plot(self, ax=None):
        """The same data, drawn by matplotlib."""
        ax = _axes(ax)
        [(kind, data)] = self.kind.items()
        if kind not in _DRAWN:
            raise ValueError(f"{kind} are drawn as SVG alone: see save")
        _DRAWN[kind](ax, data)
        ax.set_title(self.title)
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        return ax


def _curves(ax, data):
    _lines(ax, data["groups"])
    _axis(ax.xaxis, data["x"])
    _axis(ax.yaxis, data["y"])
    _levels(ax, data["levels"])


def _lines(ax, groups):
    for group in groups:
        colour = _COLOURS[group["tone"]]
        for number, curve in enumerate(group["curves"]):
            points = np.array(curve["points"], dtype=float).reshape(-1, 2)
            ax.plot(*points.T, color=colour, label=None if number else group["label"])
            if curve["band"]:
                ax.fill_between(points[:, 0], *np.array(curve["band"], dtype=float).T, color=colour, alpha=0.2)


def _scatter(ax, data):
    for group in data["groups"]:
        points = np.array([(dot["x"], dot["y"]) for dot in group["dots"]], dtype=float).reshape(-1, 2)
        ax.scatter(*points.T, color=_COLOURS[group["tone"]], s=12, label=group["label"])
    _axis(ax.xaxis, data["x"])
    _axis(ax.yaxis, data["y"])
    _levels(ax, data["levels"])


def _strip(ax, data):
    for height, row in enumerate(data["rows"]):
        values = [value["x"] for value in row["values"]]
        ax.scatter(np.array(values, dtype=float), np.full(len(values), height), color=[_COLOURS[v["tone"]] for v in row["values"]], s=12)
        if row["mean_sd"]:
            mean, deviation = row["mean_sd"]
            ax.errorbar(mean, height + 0.2, xerr=deviation, fmt="|", color="black")
    ax.set_yticks(range(len(data["rows"])), [row["label"] for row in data["rows"]])
    ax.invert_yaxis()
    _axis(ax.xaxis, data["x"])
    _levels(ax, data["levels"])


def _bars(ax, data):
    bars = data["bars"]
    values = np.array([bar["value"] for bar in bars], dtype=float)
    ax.bar(range(len(bars)), values, color=[_COLOURS[bar["tone"]] for bar in bars], tick_label=[bar["label"] for bar in bars])
    ax.set_xlabel(data["x"])
    _axis(ax.yaxis, data["y"])
    _levels(ax, data["levels"])


def _grid(ax, data):
    values = np.array(data["values"], dtype=float).reshape(len(data["ys"]), len(data["xs"]))
    low, high = data["range"]
    shades = ax.pcolormesh(data["xs"], data["ys"], values, vmin=low, vmax=high, cmap="Blues", shading="nearest")
    ax.figure.colorbar(shades, ax=ax, label=data["value_kind"])
    _lines(ax, data["curves"])
    _axis(ax.xaxis, data["x"])
    _axis(ax.yaxis, data["y"])


_DRAWN = {"curves": _curves, "scatter": _scatter, "strip": _strip, "bars": _bars, "grid": _grid}


def _axis(axis, data):
    axis.set_label_text(data["label"])
    set_scale = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale
    set_scale(data["scale"])


def _levels(ax, levels):
    for level in levels:
        [(direction, at)] = level["at"].items()
        draw = ax.axvline if direction == "x" else ax.axhline
        draw(at, color="tab:gray", linestyle="--", linewidth=1, label=level["label"])
