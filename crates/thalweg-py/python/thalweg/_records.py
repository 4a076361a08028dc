"""Results: what was found, as objects that print, draw and turn into frames."""

import numpy as np

from ._figures import Figure
from ._record import Record, _axes, _frame


class Restart(Record):
    """One restart: ``U``, ``V``, and how it ended."""

    def __init__(self, record, U, V):
        super().__init__(record)
        self.U, self.V = U, V

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def _text(self):
        return f"Restart {self.trial}: {self.status} after {self.iterations} iterations, objective {self.objective:.8e}, residual {self.kkt:.2e}"


class Fit(Record):
    """A fit: ``U`` and ``V`` of the best restart, what was recomputed from the data, all restarts, and the way there.

    ``settings`` has the method with ``method_reason``; ``history`` has the columns restart, seconds, iteration, objective, kkt,
    holdout_rmse, with NaN where nothing was measured; ``row_labels`` and ``column_labels`` are the names of rows and columns where the
    data had some.
    """

    @classmethod
    def of(cls, manifest, answers, history, labels=(None, None)):
        """From the manifest of a run, U above V of each restart, the measurements, and the names of rows and columns."""
        fit = cls(manifest["result"])
        fit.manifest, fit.settings, fit.input, fit.history = manifest, manifest["settings"], manifest["input"], history
        fit.row_labels, fit.column_labels = labels
        rows = manifest["input"]["shape"][0]
        fit.restarts = [Restart(record, answer[:rows], answer[rows:]) for record, answer in zip(fit._record["restarts"], answers)]
        fit.U, fit.V = fit.restarts[fit.best].U, fit.restarts[fit.best].V
        return fit

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def _text(self):
        settings = self.settings
        lines = [
            f"rank {settings['rank']}, loss {settings['loss']}, by {settings['method']}: {self.status} after {self.iterations} iterations "
            f"({self.seconds:.2f} s over {len(self.restarts)} restarts)",
            f"objective        {self.objective:.8e}   relative error {self.relative_error:.6f}",
            f"residual (kkt)   {self.kkt:.2e}   tolerance {settings['tol']:g}",
        ]
        if self.holdout_rmse is not None:
            lines.append(f"held-out RMSE    {self.holdout_rmse:.6f}")
        return "\n".join(lines)

    def to_frame(self, of="history"):
        """The measurements on the way ("history"), or a factor ("U", "V") with the labels of its rows, as a frame of pandas."""
        if of == "history":
            return _frame(self.history, columns=["restart", "seconds", "iteration", "objective", "kkt", "holdout_rmse"])
        if of not in ("U", "V"):
            raise ValueError(f"of is {of!r}, expected 'history', 'U' or 'V'")
        return _frame(getattr(self, of), index=self.row_labels if of == "U" else self.column_labels)

    def plot(self, ax=None):
        """The objective above the best one against time, a curve for each restart."""
        ax = _axes(ax)
        least = self.history[:, 3].min()
        for number in range(len(self.restarts)):
            of = self.history[self.history[:, 0] == number]
            ax.plot(of[:, 1], of[:, 3] - least, label=f"restart {number}")
        ax.set(xlabel="seconds", ylabel="objective − least", yscale="log", title=f"rank {self.settings['rank']}, {self.settings['method']}")
        return ax


class Audit(Record):
    """How far a fit can be trusted: ``verdict`` in words, and every number behind it."""

    def _text(self):
        return self.verdict

    def to_frame(self):
        """The restarts, as a frame of pandas."""
        return _frame(self._record["restarts"]["each"]).set_index("restart")

    def plot(self, ax=None):
        """The loss on the lines from random starts to the answer, each divided by its value at the start."""
        ax = _axes(ax)
        at = np.linspace(0.0, 1.0, 101)
        for family in (f for f in self.families if f["kind"] == "start_to_answer"):
            for record in family["lines"]:
                values = np.polynomial.polynomial.polyval(at, record["coefficients"])
                ax.plot(at, values / values[0], color="tab:blue", alpha=0.3)
        ax.set(xlabel="λ (0: random start, 1: answer)", ylabel="loss / loss at the start", title=f"{self.status}, residual {self.kkt:.1e}")
        return ax


class Line(Record):
    """The loss on a segment, ℓ(λ) = Σ cₖ λᵏ times 2^``exponent``; verdicts are True, False or "undecided"."""

    def __call__(self, at):
        """ℓ at these λ."""
        return np.ldexp(np.polynomial.polynomial.polyval(np.asarray(at, dtype=float), self.coefficients), self.exponent)

    def _text(self):
        unit = "" if self.exponent == 0 else f" · 2^{self.exponent}"
        terms = " + ".join(f"{c:.6e} λ^{k}" for k, c in enumerate(self.coefficients))
        return "\n".join(
            [
                f"loss on the line  {terms}{unit}",
                f"least curvature   {self.alpha:.6e}{unit} at λ = {self.alpha_at:.4f}",
                f"convex on [0, 1]  {self.convex_on_segment}",
                f"convex on R       {self.convex_everywhere}",
                f"star-convex to B  {self.star_towards_b}",
                f"downhill to B     {self.gradient_towards_b}",
                f"barrier           {self.barrier:.6e}{unit}",
            ]
        )

    def to_frame(self, points=101):
        """λ and ℓ(λ), as a frame of pandas."""
        at = np.linspace(0.0, 1.0, points)
        return _frame({"lambda": at, "loss": self(at)})

    def plot(self, ax=None):
        """ℓ on [0, 1]."""
        ax = _axes(ax)
        at = np.linspace(0.0, 1.0, 201)
        ax.plot(at, self(at))
        ax.set(xlabel="λ", ylabel="loss", title=f"convex on [0, 1]: {self.convex_on_segment}")
        return ax


class RankSweep(Record):
    """Which ranks the data support: ``supported``, ``suggested``, ``verdict``, and a row of evidence for each rank in ``ranks``."""

    def recommend(self):
        """The smallest rank within one standard error of the best; None where the data speak for none."""
        return self.suggested

    def _text(self):
        number = lambda x, form: "-" if x is None else format(x, form)
        lines = ["rank   held-out RMSE  standard error  agreement  relative error"]
        for row in self.ranks:
            cells = [number(row["holdout"], ".5e"), number(row["holdout_se"], ".5e"), number(row["agreement"], ".4f"), number(row["relative_error"], ".6f")]
            mark = " *" if row["rank"] in self.supported else ""
            lines.append("{:>4} {:>15} {:>15} {:>10} {:>15}{}".format(row["rank"], *cells, mark))
        return "\n".join([*lines, "* not ruled out", "", self.verdict])

    def to_frame(self):
        """A row for each rank, as a frame of pandas."""
        return _frame([{k: v for k, v in row.items() if k != "each"} for row in self.ranks]).set_index("rank")

    def plot(self, ax=None):
        """The error on entries held out, with its standard error, for each rank."""
        ax = _axes(ax)
        rows = [row for row in self.ranks if row["holdout"] is not None]
        ranks, means = [row["rank"] for row in rows], [row["holdout"] for row in rows]
        ax.errorbar(ranks, means, yerr=[row["holdout_se"] for row in rows], marker="o", capsize=3)
        chosen = [(row["rank"], row["holdout"]) for row in rows if row["rank"] in self.supported]
        ax.plot(*zip(*chosen), "o", color="tab:green", label="not ruled out") if chosen else None
        ax.set(xlabel="rank", ylabel="RMSE on entries held out", title=f"suggested rank: {self.suggested}")
        return ax


class Flatness(Record):
    """How flat the loss is at a pair of factors: ``trace``, ``scaled_trace`` and the least of the same product, ``spectrum`` (the ends of the
    Hessian's, between two numbers each), ``balance``, ``conditions``, and a ``sentence``."""

    def __init__(self, record):
        self._words, self.figure = record.pop("words"), Figure(record.pop("figure"))
        super().__init__(record)

    def _text(self):
        return self._words

    def to_frame(self):
        """One row of numbers, as a frame of pandas."""
        return _frame([{name: value for name, value in self._record.items() if not isinstance(value, (dict, list, str))}])

    def plot(self, ax=None):
        """The scaled trace of tU and V/t against t."""
        return self.figure.plot(ax)
