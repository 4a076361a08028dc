"""Figures of the papers and phase diagrams: the documents of the command line, with figures."""

import pathlib

import numpy as np
import pytest
from matplotlib import pyplot

import thalweg


def test_every_item_is_known_and_one_is_done(tmp_path):
    known = thalweg.experiments()
    assert {item["paper"] for item in known} == {"star-convexity", "flat-minima"}
    assert thalweg.experiments("flat-minima") == [item for item in known if item["paper"] == "flat-minima"]
    found = thalweg.reproduce("star-convexity", "theorem1", scale="smoke", dir=tmp_path / "out")
    assert (found.paper, found.item, found.scale, found.trials_done) == ("star-convexity", "theorem1", "smoke", found.trials)
    assert found.verdict and found.figures and found.verdict[0] in repr(found)
    assert set(found.to_frame().columns) == {"what", "source", "expected", "found", "tolerance", "agreement"}
    assert len(found.to_frame()) == len(found.checks)
    for ending in ("html", "svg", "csv", "json"):
        assert (tmp_path / "out" / f"theorem1.{ending}").exists()
    assert pathlib.Path(found.page).name == "theorem1.html"
    # again: nothing is left to do; in memory: the same, and nothing is written
    assert thalweg.reproduce("star-convexity", "theorem1", scale="smoke", dir=tmp_path / "out") == found
    in_memory = thalweg.reproduce("star-convexity", "theorem1", scale="smoke")
    assert in_memory == found and in_memory.page is None


def test_every_figure_is_drawn_twice(tmp_path):
    drawn = set()
    for paper in ("star-convexity", "flat-minima"):
        for found in thalweg.reproduce(paper, scale="smoke"):
            for figure in found.figures:
                drawn |= set(figure.kind)
                assert figure.svg.startswith("<svg") and "base64" in figure._repr_html_() and figure.title in repr(figure)
                axes = found.plot(figure=figure.id)
                assert axes.get_title() == figure.title
                pyplot.close(axes.figure)
                assert list(figure.to_frame().columns) == figure.table["header"]
            assert "<pre>" in found._repr_html_()
    figure.save(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text() == figure.svg
    assert {"curves", "scatter"} <= drawn
    with pytest.raises(ValueError, match="figure is 'none'"):
        found.plot(figure="none")


def test_shards_make_the_whole(tmp_path):
    whole = thalweg.reproduce("star-convexity", "facts", scale="smoke")
    parts = [tmp_path / str(part) for part in (1, 2)]
    for part, folder in enumerate(parts, 1):
        some = thalweg.reproduce("star-convexity", "facts", scale="smoke", shard=(part, 2), dir=folder)
        assert some.trials_done < some.trials
    assert thalweg.reproduce("star-convexity", "facts", scale="smoke", merge=parts) == whole


def test_phase_diagrams():
    ask = {"x": ("rate", 2, 8, 4), "y": ("d", 5, 7, 2), "trials": 3}
    found = thalweg.phase_diagram("sensing", **ask)
    assert (found.paper, found.item, found.trials_done, found.trials) == ("phase", "sensing", 8, 8)
    assert "grid" in found.figures[0].kind
    values = np.array(found.figures[0].kind["grid"]["values"]).reshape(2, 4)
    # at p = 8d every matrix of this size is recovered, at p = 2d hardly one
    assert (values[:, -1] == 1.0).all() and values[1, 0] < 0.5
    assert found.plot().get_xlabel() == "p / d"
    assert thalweg.phase_diagram("sensing", **ask, threads=1) == found
    assert thalweg.phase_diagram("sensing", **ask, at={"rank": 1}) != found


def test_refusals_name_what_is_known():
    sweep = {"x": ("rate", 2, 8, 4), "y": ("d", 5, 7, 2)}
    for call, sentence in [
        (lambda: thalweg.reproduce("moon", "fig1"), "paper is moon, expected star-convexity, flat-minima"),
        (lambda: thalweg.reproduce("star-convexity", "fig99"), "item is fig99, expected fig1"),
        (lambda: thalweg.reproduce("star-convexity", "facts", scale="huge"), "scale is huge, expected smoke, reduced, full"),
        (lambda: thalweg.reproduce("star-convexity", "facts", shard=(3, 2)), "shard is 3 of 2"),
        (lambda: thalweg.reproduce("star-convexity", "facts", max_time=-1.0), "max_time is -1, expected seconds"),
        (lambda: thalweg.phase_diagram("sensing", **sweep, trials=0), "trials is 0, expected a whole number of at least 1"),
        (lambda: thalweg.phase_diagram("moon", **sweep), "model is moon, expected sensing"),
        (lambda: thalweg.phase_diagram("sensing", x=("moon", 1, 2, 2), y=sweep["y"]), "the parameter is moon, expected d, d1"),
        (lambda: thalweg.phase_diagram("sensing", x=sweep["y"], y=sweep["y"]), "another parameter than x"),
        (lambda: thalweg.phase_diagram("sensing", x=("rate", 8, 2, 4), y=sweep["y"]), "LOW below HIGH"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            call()
