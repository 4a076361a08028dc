#!/usr/bin/env python3
"""Opens the explorer in headless Chromium, offline and from a file, uses it as a reader would, and fails unless it works.

    python3 tests/browser/explorer.py EXPLORER.html [--answers FILE] [--screenshot DIR]

Checks: sliders moved by the keyboard and buttons that are clicked change what is said; the surface is drawn, turned and walked; a table that
is chosen or dropped is audited, hostile ones get a sentence and run nothing; contrast, themes, print and a narrow screen; no error, no
request. --answers writes every question with the page's answer, to compare with the library's.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

from report import CONTRAST, Browser, Report, complaints, requests

LIMIT = 2_000_000
PATIENCE = 120


class Explorer:
    """The page, and what it was asked."""

    def __init__(self, page, report):
        self.page, self.report, self.asked = page, report, []

    def wait(self, condition, what):
        """Waits until a condition holds in the page."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.page.evaluate(condition):
                return True
            time.sleep(0.05)
        self.report.check(False, f"{what} within {PATIENCE} s")
        return False

    def last(self, kind):
        return self.page.evaluate(f"window.thalweg.last[{json.dumps(kind)}]")

    def after(self, kinds, act, what):
        """Does something that leads to new answers of these kinds, and keeps them."""
        names = json.dumps(kinds)
        self.page.evaluate(f"for (const kind of {names}) delete window.thalweg.last[kind]")
        act()
        done = self.wait(f"{names}.every((kind) => window.thalweg.last[kind])", what)
        if done:
            self.asked += [{"kind": kind, **self.last(kind)} for kind in kinds]
        return done

    def press(self, kind, name, key, times=1):
        self.page.evaluate(f"document.querySelector('form[data-ask={kind}]').elements[{json.dumps(name)}].focus()")
        for _ in range(times):
            self.page.key(key)

    def choose(self, kind, name, value):
        field = f"document.querySelector('form[data-ask={kind}]').elements[{json.dumps(name)}]"
        self.page.evaluate(f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent(new Event('input', {{ bubbles: true }}))")

    def click(self, selector):
        self.page.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{ block: 'center', behavior: 'instant' }})")
        at = self.page.evaluate(f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()")
        for kind in ("mousePressed", "mouseReleased"):
            self.page.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def text(self, selector):
        return self.page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")


def opens(explorer, url):
    page, report = explorer.page, explorer.report
    began = time.monotonic()
    page.open(url)
    first = explorer.wait("window.thalweg?.last.factor", "a first answer")
    wall = time.monotonic() - began
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
    if not first:
        print(page.evaluate("document.getElementById('failure').textContent"))
        return False
    print(f"interactive after {timing['domInteractive']:.0f} ms, first answer on the page after {1000 * wall:.0f} ms")
    kinds = ["factor", "surface", "recover", "sweep", "sparse"]
    done = explorer.wait(f"{json.dumps(kinds)}.every((kind) => window.thalweg.last[kind])", "every first answer")
    explorer.asked += [{"kind": kind, **explorer.last(kind)} for kind in kinds if done]
    print("computed in ms: " + ", ".join(f"{kind} {explorer.last(kind)['milliseconds']:.0f}" for kind in kinds if done))
    undrawn = page.evaluate("[...document.querySelectorAll('figure .scroll:first-child')].filter((p) => p.checkVisibility() && p.parentElement.matches('.plot') && !p.querySelector('svg')).length")
    report.check(undrawn == 0, f"every figure is drawn ({undrawn} are not)")
    return done


def sliders(explorer):
    page, report = explorer.page, explorer.report
    before = explorer.text("#factor .verdict"), page.evaluate("document.querySelector('#lines svg').outerHTML")
    explorer.after(["factor", "surface"], lambda: explorer.press("factor", "zeros", "ArrowRight", 12), "the planted problem follows its slider")
    explorer.after(["factor"], lambda: explorer.press("factor", "zeros", "ArrowRight", 12), "and again")
    explorer.wait("!document.querySelector('#factor[aria-busy=true], #valley[aria-busy=true]')", "rest")
    after = explorer.text("#factor .verdict"), page.evaluate("document.querySelector('#lines svg').outerHTML")
    report.check(before[0] != after[0] and before[1] != after[1], f"more zeros: {after[0][:60]} …")
    explorer.after(["factor"], lambda: explorer.choose("factor", "law", "exponential"), "another law")
    explorer.after(["factor", "surface"], lambda: explorer.click("form[data-ask=factor] [data-draw]"), "another draw")
    explorer.after(["recover", "sweep"], lambda: explorer.press("recover", "share", "ArrowLeft", 4), "recovery follows its slider")
    for ensemble in ("bilinear", "quadratic", "completion"):
        explorer.after(["recover"], lambda: explorer.choose("recover", "ensemble", ensemble), f"measurements of the kind {ensemble}")
        report.check("unknowns" in explorer.text("#recover .verdict"), explorer.text("#recover .verdict")[:90])
    explorer.after(["sparse"], lambda: explorer.press("sparse", "depth", "ArrowRight", 1), "depth follows its slider")
    report.check("Depth 3" in explorer.text("#depth .verdict"), explorer.text("#depth .verdict")[:90])


def surface(explorer):
    page, report = explorer.page, explorer.report
    ink = "(() => { const c = document.querySelector('#surface canvas'); return c.toDataURL(); })()"
    shots = [page.evaluate(ink)]
    page.evaluate("document.querySelector('#surface canvas').focus()")
    page.key("ArrowRight")
    shots.append(page.evaluate(ink))
    explorer.press("surface", "step", "ArrowLeft", 3)
    shots.append(page.evaluate(ink))
    report.check(len(set(shots)) == 3 and len(shots[0]) > 20_000, "the surface is drawn, turned by the keyboard, and stepped along")
    page.evaluate("document.querySelector('#surface canvas').scrollIntoView({ block: 'center', behavior: 'instant' })")
    x, y = page.evaluate("(() => { const b = document.querySelector('#surface canvas').getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
    yaw = page.evaluate("surface.turn.yaw")
    page.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + 60, y=y, button="left", buttons=1)
    page.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + 60, y=y, button="left", clickCount=1)
    report.check(page.evaluate("surface.turn.yaw") != yaw, "dragging turns it")
    explorer.click("[data-walk]")
    explorer.wait("surface.step > 0 && surface.step < surface.way.length - 1", "the walk is under way")
    explorer.wait("surface.step === surface.way.length - 1", "the walk arrives")
    explorer.after(["surface"], lambda: explorer.choose("surface", "view", "random"), "two random directions")
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    explorer.after(["surface"], lambda: explorer.choose("surface", "view", "walk"), "back to the walk")
    explorer.wait("!document.querySelector('#valley[aria-busy=true]')", "rest")
    explorer.press("surface", "step", "Home")
    explorer.click("[data-walk]")
    report.check(explorer.wait("surface.step === surface.way.length - 1", "the end at once"), "with reduced motion the walk is not animated")


GOOD = "gene,t0,t1,t2,t3\n" + "".join(f"g{i},{1 + i % 4},{2 + i % 3},{(i * i) % 5},{3 + i % 2}\n" for i in range(24))
HOSTILE = {
    "script in a name": "<img src=x onerror=window.hacked=1>,<script>window.hacked=1</script>,c,d,e\n1,2,3,4,9\n4,5,6,1,2\n7,8,1,3,3\n2,2,9,1,7\n1,6,2,8,5\n9,1,4,4,1\n",
    "words for numbers": "a,b\n1,2\n3,<script>window.hacked=1</script>\n",
    "a row too short": "1,2,3\n4,5\n",
    "nothing": "",
    "a zip archive": "PK\x03\x04\0\0\0\0",
    "negative": "1,-2,3\n3,4,5\n5,6,7\n",
    "infinite": "1,2\n3,inf\n",
}


def tables(explorer, folder):
    page, report = explorer.page, explorer.report

    def dropped(name, text):
        page.evaluate(f"""(() => {{ const data = new DataTransfer(); data.items.add(new File([{json.dumps(text)}], {json.dumps(name)}));
          document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {{ dataTransfer: data, bubbles: true, cancelable: true }})); }})()""")

    good = folder / "genes.csv"
    good.write_text(GOOD)

    def chosen():
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        node = page.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        page.call("DOM.setFileInputFiles", files=[str(good)], nodeId=node)

    explorer.after(["table"], chosen, "a table that is chosen")
    explorer.asked[-1]["file"] = GOOD
    explorer.wait("!document.querySelector('#own .result').hidden", "its audit")
    report.check("24 × 4" in explorer.text("#own .about") and "onverged" in explorer.text("#own .verdict"), explorer.text("#own .about"))
    report.check(page.evaluate("document.querySelectorAll('#own svg').length") == 3, "its figures are drawn")
    report.check("t1" in explorer.text("#own .components"), "its columns are named")
    for what, text in HOSTILE.items():
        if explorer.after(["table"], lambda: dropped(f"<b>{what}</b>.csv", text), what):
            explorer.asked[-1]["file"] = text
        explorer.wait("document.querySelector('[data-stop]').hidden", "an end")
        said = explorer.text("#own .verdict")
        report.check(len(said) > 20 and not page.evaluate("window.hacked || document.querySelector('#own img, #own script, #own b:not(.readout b)') !== null"), f"{what}: {said[:100]}")
    explorer.after(["table"], lambda: explorer.click("[data-example]"), "the planted X as a table")
    explorer.asked.pop()


def looks(explorer, shots):
    page, report = explorer.page, explorer.report
    grounds = []
    for scheme in ("light", "dark"):
        page.media(scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        ratio, where = page.evaluate(CONTRAST)
        report.check(ratio >= 4.5, f"{scheme}: least contrast of text {ratio:.2f} ({where.strip()})")
        if shots:
            page.screenshot(shots / f"{scheme}.png")
    report.check(grounds[0] != grounds[1], "the page follows the system's colour scheme")
    page.media()
    nameless = page.evaluate("[...document.querySelectorAll('input, select, button')].filter((e) => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).length")
    report.check(nameless == 0, "every control has a name")
    page.size(420, 900)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    report.check(overflow <= 0, f"nothing overflows 420 pixels ({overflow})")
    if shots:
        page.screenshot(shots / "narrow.png")
    page.media(media="print", scheme="dark")
    page.size(794, 1123)
    report.check(page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", "print is dark on white")
    if shots:
        page.screenshot(shots / "print.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--answers", type=pathlib.Path, metavar="FILE", help="write every question with its answer")
    parser.add_argument("--screenshot", type=pathlib.Path, metavar="DIR", help="write light, dark, narrow and print pictures")
    arguments = parser.parse_args()
    url = arguments.page.resolve().as_uri()
    report = Report()
    size = arguments.page.stat().st_size
    report.check(size < LIMIT, f"the page has {size:,} bytes, of {LIMIT:,} allowed")
    if arguments.screenshot:
        arguments.screenshot.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Browser(folder)
        try:
            page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
            page.size(1280, 900)
            page.media()
            explorer = Explorer(page, report)
            if opens(explorer, url):
                if arguments.screenshot:
                    page.screenshot(arguments.screenshot / "first.png")
                sliders(explorer)
                surface(explorer)
                tables(explorer, pathlib.Path(folder))
                looks(explorer, arguments.screenshot)
            said = list(complaints(page.events))
            asked = [address for address in requests(page.events, url) if not address.startswith("blob:")]
            report.check(not said, f"no error on the console {said or ''}")
            report.check(not asked, f"no request but the page {asked or ''}")
        finally:
            page.close()
    if arguments.answers:
        arguments.answers.write_text(json.dumps(explorer.asked))
    sys.exit(f"{len(report.failures)} checks failed" if report.failures else 0)


if __name__ == "__main__":
    main()
