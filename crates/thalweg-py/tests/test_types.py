"""The stubs say what is there, and the guide's code keeps to them."""

import subprocess
import sys

import pytest

pytest.importorskip("mypy")


def test_stubs_match_the_package(tmp_path):
    command = [sys.executable, "-m", "mypy.stubtest", "thalweg", "--ignore-missing-stub"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


def test_pyright_agrees_about_the_package_and_the_guide(tmp_path):
    pytest.importorskip("pyright")
    from test_docs import PAGES, blocks_of

    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("pyright could not be fetched")
    for number, page in enumerate(PAGES):
        (tmp_path / f"page{number}.py").write_text("\n".join(blocks_of(page)))
    # what pyright makes of the code of packages without types is not about ours
    (tmp_path / "pyrightconfig.json").write_text('{"useLibraryCodeForTypes": false}')
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


def test_importing_loads_numpy_and_nothing_else():
    code = "import sys, numpy; before = set(sys.modules); import thalweg; thalweg.NMF; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = [name for name in loaded if name.split(".")[0] in ("scipy", "sklearn", "pandas", "polars", "matplotlib", "torch")]
    assert "thalweg" in loaded and not heavy


def test_the_code_of_the_guide_keeps_to_the_stubs(tmp_path):
    from test_docs import PAGES, blocks_of

    names = [f"page{number}.py" for number in range(len(PAGES))]
    for name, page in zip(names, PAGES):
        (tmp_path / name).write_text("\n".join(blocks_of(page)))
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", *names]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
