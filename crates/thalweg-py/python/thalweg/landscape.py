"""The landscape of any loss, looked at from a point: lines, planes, curvature, convexity, the Hessian's trace and eigenvalues."""

import json

import numpy as np

from ._record import Record, _axes, _frame
from ._thalweg import Probe as _Probe


class Samples(Record):
    """Values on a line: ``at`` and ``values``."""

    def _text(self):
        return f"{len(self.values)} values from {self.values[0]:.6e} to {self.values[-1]:.6e}, largest {max(self.values):.6e}"

    def to_frame(self):
        """A row for each sample."""
        return _frame({"at": self.at, "value": self.values})

    def plot(self, ax=None):
        """The values."""
        ax = _axes(ax)
        ax.plot(self.at, self.values)
        ax.set(xlabel="λ", ylabel="value")
        return ax

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Plane(Samples):
    """Values on a square: ``values[i, j]`` at point + at[i]·a + at[j]·b."""

    def _text(self):
        return f"{self.values.shape[0]}x{self.values.shape[1]} values from {self.values.min():.6e} to {self.values.max():.6e}"

    def to_frame(self):
        """A row for each step along a, a column for each along b."""
        return _frame(self.values, index=self.at, columns=self.at)

    def plot(self, ax=None):
        """Contours."""
        ax = _axes(ax)
        ax.figure.colorbar(ax.contourf(self.at, self.at, self.values, levels=25), ax=ax)
        ax.set(xlabel="along b", ylabel="along a")
        return ax


class Estimate(Record):
    """A mean of ``samples`` draws of ``seed``: ``value`` ± ``half_width`` with a confidence of 95 %."""

    def _text(self):
        return f"{self.value:.6e} ± {self.half_width:.1e} (95 %, {self.samples} samples, seed {self.seed})"


class Eigenvalues(Record):
    """``values``, the largest in absolute value first; an eigenvalue lies within the ``residuals`` entry of each."""

    def _text(self):
        return "\n".join(f"{value:.6e} within {residual:.1e}" for value, residual in zip(self.values, self.residuals))


class ConvexityLengths(Record):
    """How far a function is convex along rays: ``median``, its 95 % ``interval``, how many are ``censored``, and ``each``."""

    def _text(self):
        interval = "no interval from so few" if self.interval is None else f"95 %: {self.interval[0]:.4g} to {self.interval[1]:.4g}"
        return f"median {self.median:.4g} ({interval}); {self.censored} of {len(self.each)} directions convex as far as was looked"

    def to_frame(self):
        """A row for each direction."""
        return _frame(self.each)

    def plot(self, ax=None):
        """The share of directions that are still convex at each length."""
        ax = _axes(ax)
        lengths = np.sort([each["length"] for each in self.each])
        ax.step(lengths, 1.0 - np.arange(len(lengths)) / len(lengths), where="pre")
        ax.set(xlabel="length", ylabel="share of directions convex so far")
        return ax


class Probe:
    """A function of a flat vector, looked at from the point ``x``.

    Parameters
    ----------
    fn : callable
        Returns a number for a vector.
    x : array of NumPy, or tensor of torch
        The point; its entries in one row are the vector. ``fn`` gets a vector of the same kind.
    gradient : callable, optional
        Returns the gradient for a vector. Without it, derivatives are central differences; of a torch function they are its own.
    seed : int
        Seed of directions and signs.
    """

    def __init__(self, fn, x, *, gradient=None, seed=0):
        self.seed = seed
        self.x, value, gradient = _adapted(fn, x, gradient)
        self._probe = _Probe(value, self.x, gradient)

    def value(self):
        """fn(x)."""
        return self._probe.value()

    def line(self, to, points=51):
        """Values on the segment from x (0) to another point (1)."""
        return Samples({"at": np.linspace(0.0, 1.0, points), "values": self._probe.line(_vector(to), points)})

    def plane(self, a=None, b=None, points=25):
        """Values on the square x ± a ± b; random directions of length 1 where none are given."""
        drawn = self._probe.directions(2, self.seed)
        a, b = (drawn[k] if d is None else _vector(d) for k, d in enumerate((a, b)))
        return Plane({"at": np.linspace(-1.0, 1.0, points), "values": self._probe.plane(a, b, points)})

    def curvature(self, direction):
        """dᵀHd for the Hessian H at x."""
        return self._probe.curvature(_vector(direction))

    def cosine(self, direction):
        """The cosine between the negative gradient at x and a direction; None where either is zero."""
        return self._probe.cosine(_vector(direction))

    def convexity_lengths(self, directions=25, reach=1.0, points=51):
        """How far the function is convex from x along rays, as sampled: random ones, or those of the rows of an array."""
        if np.ndim(directions) == 0:
            directions = self._probe.directions(int(directions), self.seed)
        directions = np.ascontiguousarray(directions, dtype=np.float64)
        return ConvexityLengths(json.loads(self._probe.convexity_lengths(directions, float(reach), points)))

    def hessian_trace(self, samples=32):
        """The trace of the Hessian at x, by random signs (Hutchinson)."""
        return Estimate(json.loads(self._probe.hessian_trace(samples, self.seed)))

    def hessian_eigenvalues(self, count=1, products=30):
        """The eigenvalues of the Hessian at x that are largest in absolute value (Lanczos)."""
        return Eigenvalues(json.loads(self._probe.hessian_eigenvalues(count, products, self.seed)))

    def __repr__(self):
        return f"Probe of a function of {len(self.x)} variables, seed {self.seed}"


def _vector(x):
    x = x.detach().cpu().numpy() if hasattr(x, "detach") else x
    return np.ascontiguousarray(x, dtype=np.float64).ravel()


def _adapted(fn, x, gradient):
    """The point as a vector, and functions of such vectors: of the value, and of the value and the gradient."""
    if not hasattr(x, "detach"):
        with_value = None if gradient is None else lambda at: (fn(at), _vector(gradient(at)))
        return _vector(x), fn, with_value
    import torch

    tensor = lambda at: torch.as_tensor(at, dtype=x.dtype, device=x.device)

    def with_own_gradient(at):
        at = tensor(at).requires_grad_()
        value = fn(at)
        if gradient is not None:
            return float(value), _vector(gradient(at))
        return float(value), _vector(torch.autograd.grad(value, at)[0])

    return _vector(x), lambda at: float(fn(tensor(at))), with_own_gradient
