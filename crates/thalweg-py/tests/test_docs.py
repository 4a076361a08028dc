"""The code of the guide runs, page by page, in order."""

import doctest
import pathlib
import re

import pytest

import thalweg

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = ["docs/python.md", "docs/python-gallery.md", "docs/python-migration.md", "crates/thalweg-py/README.md"]


def blocks_of(page):
    """The code of a page."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(page)
    assert blocks
    namespace = {"__name__": page}
    for block in blocks:
        exec(compile(block, page, "exec"), namespace)
    if page == "docs/python-gallery.md":
        titles = re.findall("^## .*", (ROOT / page).read_text(), re.MULTILINE)
        assert len(list(tmp_path.glob("*.png"))) == len(titles) == 7


def test_the_examples_of_docstrings():
    from thalweg import _nmf

    for module in (thalweg, _nmf):
        assert doctest.testmod(module).failed == 0


def test_every_name_is_documented():
    guide = "".join((ROOT / page).read_text() for page in PAGES)
    for name in thalweg.__all__:
        assert getattr(thalweg, name).__doc__, name
        # results are met where they come from
        is_result = name[0].isupper() and not name.startswith(("NMF", "Mini", "Matrix", "Robust"))
        assert is_result or name == "__version__" or name in guide, name
