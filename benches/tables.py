"""docs/benchmarks.md and docs/benchmarks.svg, from the traces in the work folder."""

import importlib.metadata
import json
import math
import statistics

from peers import PACKAGES
from problems import ALL, PROBLEMS, kind, load, rank, spectral_fall

GOALS = (0.1, 0.01, 0.001)
# what fit_speed printed
SPEED = "speed.txt"
INTRODUCTION = """# Benchmarks

Seconds until the objective is within 10 %, 1 % and 0.1 % of the best that any method found, from the same start files, without reading
files and evaluating the objective, which is recomputed in f64 for everybody. With one thread they are CPU seconds, with more, elapsed ones.
A range is the spread of repeats. A ratio is the middle of ours into the middle of the peer's, its range from the slowest of ours over
the fastest of theirs to the fastest of ours over the slowest of theirs; below 1 the peer wins.

{about} Peers: {versions}, RcppML 0.3.7 (R 4.2).
NumPy has its AVX-512 kernels (`OPENBLAS_CORETYPE=SkylakeX`), except where a name ends in `-avx2`: what it takes by itself on this processor.
`rnmf` and `ao-admm` are the algorithms of ristretto and PLANC written down in NumPy, with scikit-learn's compiled coordinate descent in the
first, because those two install from no package registry, and NNLM neither. cmfrec, LIBMF, nmf-torch and RcppML take no start: they begin at
their own. `@x` is a ridge of x; `-f32` single precision, which LIBMF always has. A local minimum may differ from method to method: the best
of all is not in every method's reach from one start.

    python3 benches/compare.py all --data DATA --work WORK --repeats 3

![objective over time](benchmarks.svg)
"""


def is_ours(label):
    return label.startswith("thalweg")


def is_single(label):
    return "-f32" in label or label.startswith("libmf")


def is_call(label):
    return label.endswith("call")


def seconds_to(trace, goal, column=2):
    return next((row[0] for row in trace if len(row) > column and row[column] <= goal), None)


class Problem:
    """All traces of one problem with one number of threads."""

    def __init__(self, work, name, threads):
        self.name, self.runs, self.peaks = name, {}, {}
        for path in sorted((work / name).glob(f"*.t{threads}.*.json")):
            label = path.name.split(f".t{threads}.")[0]
            record = json.loads(path.read_text().strip().splitlines()[-1])
            self.runs.setdefault(label, []).append(record["trace"])
            self.peaks[label] = max(self.peaks.get(label, 0), record["peak_mb"])
        # calls stop by their own rules, some long after everybody's time is up
        timed = [row for label, runs in self.runs.items() if not is_call(label) for run in runs for row in run]
        self.best = [min((row[c] for row in timed if len(row) > c), default=None) for c in (2, 3)]

    def hits(self, label, share, column=2):
        """Seconds of each repeat that got within that share of the best; none unless all did."""
        hits = [seconds_to(run, self.best[column - 2] * (1 + share), column) for run in self.runs.get(label, [])]
        return [] if None in hits else hits

    def fastest(self, labels, share, column=2):
        reached = [l for l in labels if not is_call(l) and self.hits(l, share, column)]
        return min(reached, key=lambda l: statistics.median(self.hits(l, share, column)), default=None)


def spread(numbers):
    if not numbers:
        return "-"
    low, high = (f"{x:.3g}" for x in (min(numbers), max(numbers)))
    return low if low == high else f"{low}–{high}"


def ratio(theirs, ours):
    middle = statistics.median(theirs) / statistics.median(ours)
    if len(theirs) == len(ours) == 1:
        return f"{middle:.2f}×"
    return f"**{middle:.2f}×** ({min(theirs) / max(ours):.2f}–{max(theirs) / min(ours):.2f})"


def summary(all_problems, precision, column):
    """One row for each problem and goal that a peer reached: the default and our fastest against the fastest peer."""
    lines = ["| problem | to | `default` s | our fastest | s | fastest peer | s | default against it | fastest against it |", "|---|---|---|---|---|---|---|---|---|"]
    for p in all_problems:
        labels = [l for l in p.runs if (is_single(l) == (precision == "f32"))]
        for share in GOALS if column == 2 else (0.01,):
            theirs = p.fastest([l for l in labels if not is_ours(l)], share, column)
            ours = p.fastest([l for l in labels if is_ours(l)], share, column)
            defaults = [l for l in labels if l.startswith("thalweg-default")]
            default = p.fastest(defaults, share, column)
            # none of a goal that nobody reached, nor of one that the start is at already
            if not (theirs or ours) or ours and min(p.hits(ours, share, column)) == 0:
                continue
            cell = lambda l: spread(p.hits(l, share, column)) if l else "-"
            against = lambda l: ratio(p.hits(theirs, share, column), p.hits(l, share, column)) if l and theirs else "never reached" if theirs else "no peer there"
            lines.append(f"| {p.name} | {100 * share:g} % | {cell(default)} | {(ours or '-').removeprefix('thalweg-')} | {cell(ours)} | {theirs or '-'} | "
                         f"{cell(theirs)} | {against(default)} | {against(ours)} |")
    return lines if len(lines) > 2 else []


def calls(all_problems):
    lines = ["| problem | call | seconds | iterations | objective above the best |", "|---|---|---|---|---|"]
    for p in all_problems:
        for label in sorted(filter(is_call, p.runs)):
            last = p.runs[label][0][-1]
            lines.append(f"| {p.name} | {label.removesuffix('-call')} | {last[0]:.3g} | {last[1]} | +{100 * (last[2] / p.best[0] - 1):.2g} % |")
    return lines


def choice(work, names, labels):
    """Seconds to each goal, in the order of how sharply the singular values fall."""
    yield "| | largest fall | " + " | ".join(f"`{label.removeprefix('thalweg-')}`" for label in labels) + " |"
    yield "|---" * (2 + len(labels)) + "|"
    for fall, name in sorted(((spectral_fall(load(name, work)[0], rank(name)), name) for name in names), reverse=True):
        p = Problem(work, name, 1)
        cells = [", ".join(spread(p.hits(label, share)) for share in GOALS) for label in labels]
        yield f"| {ALL[name][0]}, rank {rank(name)} | {fall:.2f} | " + " | ".join(cells) + " |"


def threads(one, two):
    lines = ["| problem | method | one thread | two threads | ratio |", "|---|---|---|---|---|"]
    for p, q in zip(one, two):
        q.best = p.best
        for label in sorted(set(p.runs) & set(q.runs)):
            # the iterations are the same to the bit, so the last common one is the same work
            if not is_call(label):
                count = min(run[-1][1] for run in p.runs[label] + q.runs[label])
                at = lambda runs: [next(row[0] for row in run if row[1] >= count) / next(row[1] for row in run if row[1] >= count) for run in runs]
                a, b = at(p.runs[label]), at(q.runs[label])
                lines.append(f"| {p.name} | {label.removeprefix('thalweg-')} | {1e3 * statistics.median(a):.3g} ms | {1e3 * statistics.median(b):.3g} ms | "
                             f"{statistics.median(a) / statistics.median(b):.2f}× |")
    return lines


def detail(p):
    what, _, r, _ = PROBLEMS[p.name]
    has_held = p.best[1] is not None
    lines = [f"### {p.name}: {what}, rank {r}", "", f"Best ½‖X − UVᵀ‖²/‖X‖²: {p.best[0]:.9g}." + (f" Best held-out RMSE: {p.best[1]:.5f}." if has_held else ""), ""]
    lines += ["| method | +10 % | +1 % | +0.1 % | best reached | iterations | peak MB |" + (" best held-out RMSE | its +1 % |" if has_held else ""),
              "|---|---|---|---|---|---|---|" + ("---|---|" if has_held else "")]
    order = lambda l: [statistics.median(p.hits(l, share) or [1e9]) for share in reversed(GOALS)]
    for label in sorted((l for l in p.runs if not is_call(l)), key=order):
        runs = p.runs[label]
        reached = 100 * (min(row[2] for run in runs for row in run) / p.best[0] - 1)
        cells = [label, *(spread(p.hits(label, share)) for share in GOALS), f"+{reached:.2g} %", str(runs[0][-1][1]), f"{p.peaks[label]:.0f}"]
        if has_held:
            cells += [f"{min(row[3] for run in runs for row in run):.4f}", spread(p.hits(label, 0.01, 3))]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write(docs, work, names, about):
    one, two = ([p for p in (Problem(work, name, t) for name in names) if p.runs] for t in (1, 2))
    two = [next((q for q in two if q.name == p.name), Problem(work, p.name, 0)) for p in one]
    installed = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
    versions = ", ".join(f"{p} {installed[p]}" for p in PACKAGES if p in installed)
    lines = [INTRODUCTION.format(about=about, versions=versions)]

    def section(title, text, rows):
        if rows:
            lines.extend([f"## {title}", "", *([text, ""] if text else []), *rows, ""])

    section("Double precision, one thread", "", summary(one, "f64", 2))
    section("Single precision, one thread", "", summary(one, "f32", 2))
    observed = [p for p in one if p.best[1] is not None]
    section("Held-out error, one thread", "Seconds until the RMSE of the held-out tenth is within 1 % of the least that a peer reached; single and double precision together.",
            held_out(observed))
    section("Where a call with all defaults ends", "Each program's own start and stop rule.", calls(one))
    section("Two threads", "Milliseconds for an iteration, the first ones included: CPU with one thread, elapsed with two.", threads(one, two))
    if (work / SPEED).exists():
        text = ("An iteration of the method that the default polishes with; its products with X alone; their arithmetic beside that of a 1024³ product, and the rate at "
                "which they read X beside that of a plain sum: the nearer ceiling binds. Planted data of these shapes. On two threads, what sums in a fixed order cost, "
                "which keep the bits the same on any number of threads: the same products with one part for each thread.")
        section("Iterations against their products", text, ["```", *(work / SPEED).read_text().strip().splitlines(), "```"])
    lines += ["## Every method", ""]
    for p in one:
        lines += [*detail(p), ""]
    (docs / "benchmarks.md").write_text("\n".join(lines).rstrip() + "\n")
    (docs / "benchmarks.svg").write_text(figure(one))


def held_out(observed):
    """To within 1 % of the least error that LIBMF reached, whose answer depends on how threads meet, and of that of the others."""
    lines = ["| problem | peers | held-out RMSE | our fastest | s | fastest peer | s | ratio |", "|---|---|---|---|---|---|---|---|"]
    for p in observed:
        for which, is_libmf in (("LIBMF", True), ("the others", False)):
            peers = [l for l in p.runs if not is_ours(l) and l.startswith("libmf") == is_libmf]
            if not peers:
                continue
            goal = 1.01 * min(row[3] for l in peers for run in p.runs[l] for row in run)
            reached = {l: hits for l, runs in p.runs.items() if None not in (hits := [seconds_to(run, goal, 3) for run in runs])}
            fastest = lambda labels: min((l for l in labels if l in reached and not is_call(l)), key=lambda l: statistics.median(reached[l]))
            ours, theirs = fastest(filter(is_ours, p.runs)), fastest(peers)
            lines.append(f"| {p.name} | {which} | {goal:.4f} | {ours.removeprefix('thalweg-')} | {spread(reached[ours])} | {theirs} | "
                         f"{spread(reached[theirs])} | {ratio(reached[theirs], reached[ours])} |")
    return lines


# ---- the figure --------------------------------------------------------------------------------------------------------------------------


def figure(all_problems):
    """A panel for each problem: excess over the best against seconds, both logarithmic; our default in front, the peers behind."""
    width, height, columns = 300, 210, 3
    rows = math.ceil(len(all_problems) / columns)
    panels = [panel(p, 20 + (i % columns) * width, 40 + (i // columns) * height, width - 60, height - 60) for i, p in enumerate(all_problems)]
    style = ("text{font:11px sans-serif;fill:#333}.peer{stroke:#999;fill:none}.best{stroke:#0072b2;fill:none;stroke-width:1.6}"
             ".ours{stroke:#d55e00;fill:none;stroke-width:2.2}.axis{stroke:#333;fill:none}.grid{stroke:#e4e4e4}")
    legend = ('<text x="20" y="18"><tspan style="fill:#d55e00">■</tspan> thalweg, default   <tspan style="fill:#0072b2">■</tspan> the fastest peer to 0.1 % or 1 %'
              '   <tspan style="fill:#999">■</tspan> other peers · across: seconds, one thread · up: objective above the best, %</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {20 + columns * width} {40 + rows * height}" role="img" '
            f'aria-label="objective over time for each problem"><rect width="100%" height="100%" fill="white"/><style>{style}</style>{legend}{"".join(panels)}</svg>\n')


def panel(p, left, top, width, height):
    times = [row[0] for runs in p.runs.values() for row in runs[0] if row[0] > 0 and row[2] / p.best[0] - 1 < 2]
    low, high = math.log10(max(min(times), max(times) / 1e4)), math.log10(max(times))
    across = lambda s: left + 30 + (width - 30) * (math.log10(s) - low) / (high - low)
    up = lambda excess: top + height * (math.log10(200) - math.log10(min(max(excess, 0.02), 200))) / 4
    out = [f'<text x="{left + 30}" y="{top - 6}" style="font-weight:bold">{p.name}, rank {rank(p.name)}, {kind(p.name)}</text>']
    for excess in (0.1, 1, 10, 100):
        out.append(f'<line class="grid" x1="{left + 30}" x2="{left + width}" y1="{up(excess):.1f}" y2="{up(excess):.1f}"/>'
                   f'<text x="{left + 26}" y="{up(excess) + 4:.1f}" text-anchor="end">{excess:g}</text>')
    for power in range(math.ceil(low), math.floor(high) + 1):
        out.append(f'<text x="{across(10**power):.1f}" y="{top + height + 14}" text-anchor="middle">{10**power:g}</text>')
    peers = [l for l in p.runs if not is_ours(l) and not is_call(l) and not is_single(l)]
    best = p.fastest(peers, 0.001) or p.fastest(peers, 0.01) or p.fastest(peers, 0.1)
    for label in [l for l in peers if l != best] + [l for l in (best, "thalweg-default") if l in p.runs]:
        points = [(row[0], 100 * (row[2] / p.best[0] - 1)) for row in p.runs[label][0] if row[0] >= 10**low]
        css = "ours" if is_ours(label) else "best" if label == best else "peer"
        out.append(f'<polyline class="{css}" points="{" ".join(f"{across(s):.1f},{up(e):.1f}" for s, e in points)}"><title>{label}</title></polyline>')
    out.append(f'<path class="axis" d="M{left + 30},{top}V{top + height}H{left + width}"/>')
    if best:
        out.append(f'<text x="{left + width}" y="{top + 10}" text-anchor="end" style="fill:#0072b2">{best}</text>')
    return "".join(out)
