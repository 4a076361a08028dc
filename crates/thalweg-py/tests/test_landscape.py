"""Any function of a vector, and what is known of it."""

import numpy as np
import pytest

from thalweg import landscape

H = np.diag(np.arange(1.0, 13.0)) + 0.3
x0 = np.linspace(-1, 1, 12)


def bowl(x):
    return 0.5 * x @ H @ x + np.cos(x[0])


def slope(x):
    return H @ x - np.sin(x[0]) * np.eye(12)[0]


@pytest.fixture(params=["values alone", "with its gradient"])
def probe(request):
    return landscape.Probe(bowl, x0, gradient=None if request.param == "values alone" else slope)


HESSIAN = H - np.cos(x0[0]) * np.outer(np.eye(12)[0], np.eye(12)[0])


def test_values_lines_and_planes(probe):
    assert probe.value() == bowl(x0)
    line = probe.line(np.zeros(12), points=5)
    assert np.allclose(line.values, [bowl(x0 * (1 - t)) for t in line.at], rtol=1e-14) and line.values[-1] == 1.0
    plane = probe.plane(points=3)
    assert plane.values.shape == (3, 3) and plane.values[1, 1] == bowl(x0)
    for drawn in (line, plane):
        drawn.plot()
        assert len(drawn.to_frame()) and "values from" in repr(drawn)


def test_curvature_cosine_trace_and_eigenvalues(probe):
    d = np.arange(12.0)
    assert probe.curvature(d) == pytest.approx(d @ HESSIAN @ d, rel=1e-4)
    g = slope(x0)
    assert probe.cosine(d) == pytest.approx(-g @ d / np.linalg.norm(g) / np.linalg.norm(d), rel=1e-6)
    trace = probe.hessian_trace(64)
    assert abs(trace.value - np.trace(HESSIAN)) <= 2 * trace.half_width and (trace.samples, trace.seed) == (64, 0)
    top = probe.hessian_eigenvalues(2, products=12)
    exact = np.sort(np.linalg.eigvalsh(HESSIAN))[::-1][:2]
    assert np.allclose(top.values, exact, rtol=1e-4) and len(top.residuals) == 2
    assert "95 %" in repr(trace) and "within" in repr(top)


def test_convexity_lengths():
    probe = landscape.Probe(lambda x: np.cos(x[0]) + 0.0 * x[1], np.array([np.pi, 0.0]))
    along = probe.convexity_lengths(np.array([[1.0, 0.0], [0.0, 1.0]]), reach=3.0, points=301)
    assert along.each[0]["length"] == pytest.approx(np.pi / 2, abs=0.02) and along.each[1]["is_censored"]
    many = probe.convexity_lengths(25, reach=3.0)
    assert many.interval[0] <= many.median <= many.interval[1] and len(many.to_frame()) == 25
    many.plot()


def test_exceptions_of_the_function_arrive():
    def fails(x):
        raise ZeroDivisionError("of the user")

    with pytest.raises(ZeroDivisionError, match="of the user"):
        landscape.Probe(fails, x0).hessian_trace()
    with pytest.raises(ValueError, match="the gradient has shape 3x1, expected 12x1"):
        landscape.Probe(bowl, x0, gradient=lambda x: x[:3]).cosine(x0)
    with pytest.raises(ValueError, match="direction"):
        landscape.Probe(bowl, x0).curvature(x0[:2])
    with pytest.raises(ValueError, match="samples is 2, expected at least 4"):
        landscape.Probe(bowl, x0).hessian_trace(2)


def test_torch_functions_have_their_own_gradient():
    torch = pytest.importorskip("torch")
    at = torch.tensor(x0)
    probe = landscape.Probe(lambda x: 0.5 * x @ torch.tensor(H) @ x + torch.cos(x[0]), at)
    d = np.arange(12.0)
    assert probe.curvature(d) == pytest.approx(d @ HESSIAN @ d, rel=1e-7)
