#!/usr/bin/env python3
"""Opens a report in headless Chromium and fails unless it works for a reader.

    python3 tests/browser/report.py REPORT.html --expect-verdict TEXT [--screenshot DIR]

Checks: no console error, no exception, no request but the file itself; every figure is drawn; the verdict is visible; pointer and
keyboard read figures out; text has AA contrast in light and dark; print shows every figure; nothing overflows a narrow screen.
Standard library only; speaks the DevTools protocol over a pipe.
"""

import argparse
import base64
import fcntl
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--disable-default-apps --hide-scrollbars --remote-debugging-pipe"
).split()
# the browser reads commands from descriptor 3 and writes replies to 4
LAUNCH = "import os,sys; os.dup2(int(sys.argv[1]),3); os.dup2(int(sys.argv[2]),4); os.execv(sys.argv[3],sys.argv[3:])"
TIMEOUT = 60


class Browser:
    """A Chromium, and one page in it."""

    def __init__(self, profile):
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None:
            sys.exit(f"no browser on PATH: looked for {', '.join(BROWSERS)}")
        child_in, self.commands = map(high, os.pipe())
        self.replies, child_out = map(high, os.pipe())
        words = [sys.executable, "-c", LAUNCH, str(child_in), str(child_out), path, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(words, pass_fds=(child_in, child_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(child_in)
        os.close(child_out)
        self.unread, self.next_id, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self.next_id += 1
        message = {"id": self.next_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        write_all(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.receive()
            if reply.get("id") == self.next_id:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]
            self.events.append(reply)

    def receive(self):
        while b"\0" not in self.unread:
            if not select.select([self.replies], [], [], TIMEOUT)[0]:
                raise RuntimeError("the browser does not answer")
            chunk = os.read(self.replies, 1 << 20)
            if not chunk:
                raise RuntimeError("the browser closed the pipe")
            self.unread += chunk
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def open(self, url):
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression[:80]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, media="", scheme="light"):
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def key(self, key):
        for kind in ("rawKeyDown", "keyUp"):
            code = {"Tab": 9, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36}[key]
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def pointer(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (RuntimeError, OSError):
            self.process.kill()
        self.process.wait(timeout=TIMEOUT)


def high(descriptor):
    """The same pipe end, out of the way of descriptors 3 and 4."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


# least contrast of any visible text with what lies behind it (WCAG 2.1), and where
CONTRAST = r"""(() => {
  const rgba = (text) => { const v = text.match(/[\d.]+/g).map(Number); return [v[0], v[1], v[2], v[3] ?? 1]; };
  const luminance = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
  let least = [99, ""];
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || !e.getClientRects().length || e.localName === "title") continue;
    const style = getComputedStyle(e);
    const ink = rgba(e.localName === "text" ? style.fill : style.color);
    const [a, b] = [luminance(ink), luminance(behind(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least[0]) least = [ratio, `${e.localName}.${e.getAttribute("class") ?? ""}: ${e.textContent.slice(0, 40)}`];
  }
  return least;
})()"""

# figures without a drawing of positive size
UNDRAWN = r"""[...document.querySelectorAll("figure")].filter((f) => {
  const svg = f.querySelector("svg"), box = svg?.getBoundingClientRect();
  return !svg || !svg.childElementCount || box.width < 50 || box.height < 30 || !svg.checkVisibility();
}).map((f) => f.id)"""

# a point that a reader can point at in each figure: the middle of a curve, of a mark, of a picture; [figure, x, y], scrolled into view
TARGET = r"""(async (i) => {
  const plot = document.querySelectorAll("figure .plot")[i], svg = plot.querySelector("svg");
  svg.scrollIntoView({ block: "center", behavior: "instant" });
  await new Promise(requestAnimationFrame);
  const curve = svg.querySelector(".curve[data-x]"), other = svg.querySelector(".mark .dot, .mark .bar, .mark .tile, .cells");
  if (curve) {
    const at = curve.getPointAtLength(curve.getTotalLength() / 2).matrixTransform(curve.getScreenCTM());
    return [at.x, at.y];
  }
  if (!other) return null;
  const box = other.getBoundingClientRect();
  return [box.x + Math.min(box.width, innerWidth) / 2, box.y + box.height / 2];
})"""

READOUT = r"""((i) => { const o = document.querySelectorAll("figure .plot")[i].querySelector(".readout");
  return o.checkVisibility() && o.getBoundingClientRect().height > 0 ? o.textContent : ""; })"""


class Report:
    """What was checked, and what failed."""

    def __init__(self):
        self.failures = []

    def check(self, holds, what):
        print(f"{'ok  ' if holds else 'FAIL'}  {what}")
        if not holds:
            self.failures.append(what)


def complaints(events):
    """Errors on the console, exceptions, and requests for anything but the page."""
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            yield "exception: " + params["exceptionDetails"].get("exception", {}).get("description", params["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            yield f"console: {params['args']}"
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            yield f"log: {params['entry']['text']}"


def requests(events, url):
    sent = (event["params"]["request"]["url"] for event in events if event.get("method") == "Network.requestWillBeSent")
    return [address for address in sent if address != url and not address.startswith("data:")]


def hover_and_keys(page, report):
    count = page.evaluate("document.querySelectorAll('figure .plot').length")
    silent = []
    for i in range(count):
        at = page.evaluate(f"{TARGET}({i})")
        if at is None:
            continue
        page.pointer(*at)
        text = page.evaluate(f"{READOUT}({i})")
        if not any(c.isdigit() for c in text):
            silent.append(page.evaluate(f"document.querySelectorAll('figure')[{i}].id"))
    report.check(count > 0 and not silent, f"hover reads out numbers in {count} figures {silent or ''}")
    page.pointer(1, 1)

    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    for _ in range(200):
        page.key("Tab")
        if page.evaluate("document.activeElement.matches('.plot')"):
            break
    i = page.evaluate("[...document.querySelectorAll('figure .plot')].indexOf(document.activeElement)")
    report.check(i >= 0, "Tab reaches a figure")
    texts = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.key(key)
        texts.append(page.evaluate(f"{READOUT}({max(i, 0)})"))
    report.check(all(texts) and len(set(texts)) == 3, f"arrow keys walk through it: {[t.splitlines()[0] if t else '' for t in texts]}")
    page.key("Escape")
    report.check(page.evaluate(f"{READOUT}({max(i, 0)})") == "", "Escape closes the read-out")


def themes(page, report, shots):
    grounds = []
    for scheme in ("light", "dark"):
        page.media(scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        ratio, where = page.evaluate(CONTRAST)
        report.check(ratio >= 4.5, f"{scheme}: least contrast of text {ratio:.2f} ({where.strip()})")
        if shots:
            page.screenshot(shots / f"{scheme}.png")
    report.check(grounds[0] != grounds[1], "the page follows the system's colour scheme")
    page.evaluate("document.getElementById('theme').click()")
    report.check(page.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[0], "the button changes the theme")
    page.evaluate("document.getElementById('theme').click(); delete document.documentElement.dataset.theme")


def paper(page, report, shots):
    page.media(media="print", scheme="dark")
    page.size(794, 1123)
    undrawn = page.evaluate(UNDRAWN)
    report.check(not undrawn, f"print shows every figure {undrawn or ''}")
    white = page.evaluate("getComputedStyle(document.body).backgroundColor")
    report.check(white == "rgb(255, 255, 255)", "print is dark on white")
    report.check(not page.evaluate("document.getElementById('theme').checkVisibility()"), "print has no buttons")
    if shots:
        page.screenshot(shots / "print.png")
        pdf = page.call("Page.printToPDF", printBackground=True)["data"]
        (shots / "print.pdf").write_bytes(base64.b64decode(pdf))
    page.media()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--expect-verdict", required=True, metavar="TEXT")
    parser.add_argument("--screenshot", type=pathlib.Path, metavar="DIR", help="write light, dark, narrow and print pictures")
    arguments = parser.parse_args()
    url = arguments.report.resolve().as_uri()
    if arguments.screenshot:
        arguments.screenshot.mkdir(parents=True, exist_ok=True)
    report = Report()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        page = Browser(profile)
        try:
            page.size(1280, 900)
            page.media()
            began = time.monotonic()
            page.open(url)
            wall = time.monotonic() - began
            timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
            print(f"size {arguments.report.stat().st_size / 1024:.0f} KiB; interactive after {timing['domInteractive']:.0f} ms, "
                  f"loaded after {timing['loadEventStart']:.0f} ms, {1000 * wall:.0f} ms with the browser's own work")
            undrawn = page.evaluate(UNDRAWN)
            figures = page.evaluate("document.querySelectorAll('figure').length")
            report.check(figures > 0 and not undrawn, f"{figures} figures are drawn {undrawn or ''}")
            verdict = json.dumps(arguments.expect_verdict)
            seen = f"[...document.querySelectorAll('.verdict')].some((v) => v.checkVisibility() && v.innerText.includes({verdict}))"
            report.check(page.evaluate(seen), f"the verdict says {verdict}")
            hover_and_keys(page, report)
            themes(page, report, arguments.screenshot)
            page.size(420, 900)
            page.media()
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            report.check(overflow <= 0, f"nothing overflows 420 pixels ({overflow})")
            if arguments.screenshot:
                page.screenshot(arguments.screenshot / "narrow.png")
            paper(page, report, arguments.screenshot)
            said, asked = list(complaints(page.events)), requests(page.events, url)
            report.check(not said, f"no error on the console {said or ''}")
            report.check(not asked, f"no request but the page {asked or ''}")
        finally:
            page.close()
    sys.exit(f"{len(report.failures)} checks failed" if report.failures else 0)


if __name__ == "__main__":
    main()
