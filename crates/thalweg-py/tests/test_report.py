"""Pages about fits."""

import numpy as np
import pytest

import thalweg


def test_the_page_of_a_fit(X, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, index=[f"row {i}" for i in range(60)], columns=[f"column {j}" for j in range(40)])
    model = thalweg.NMF(4, restarts=2).fit(frame)
    audit = model.audit(frame, lines=5)
    page = thalweg.report((model, audit), output=tmp_path / "page.html")
    assert page == tmp_path / "page.html"
    text = page.read_text()
    assert audit.verdict.splitlines()[0] in text and "column 7" in text
    assert "<h1><bdi>NMF(n_components=4" in text and "in memory" in text and "thalweg fit" not in text
    assert list((tmp_path / "figures").glob("*.svg"))
    # two side by side, one of them not audited and in single precision
    other = thalweg.NMF(3, tol=1e-3).fit(X.astype(np.float32))
    both = thalweg.report((model, audit), other.result_, output=tmp_path / "both.html").read_text()
    assert "comparison" in both and "not audited" in both


def test_what_is_no_run_is_refused(X, tmp_path):
    with pytest.raises(ValueError, match="at least one run"):
        thalweg.report(output=tmp_path / "none.html")
    with pytest.raises(OSError):
        thalweg.report(tmp_path / "nothing", output=tmp_path / "none.html")
    model = thalweg.NMF(2, tol=1e-3).fit(X)
    with pytest.raises(ValueError, match="image_order is"):
        thalweg.report(model, output=tmp_path / "none.html", image_order="diagonal")
    assert not (tmp_path / "none.html").exists()
