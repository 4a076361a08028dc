// Read-outs for figures, by pointer and by keyboard, and the theme button. The page is complete without this script.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";

  // ---- theme: what the system prefers, until the reader says otherwise
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const remembered = { // a page opened from a file may have no storage
    get() { try { return localStorage.getItem("thalweg-theme"); } catch { return null; } },
    set(theme) { try { localStorage.setItem("thalweg-theme", theme); } catch { /* nothing to keep it in */ } },
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  };
  if (["dark", "light"].includes(remembered.get())) root.dataset.theme = remembered.get();
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered.set(root.dataset.theme);
    name();
  });
  system.addEventListener("change", name);
  name();

  // ---- what a figure holds: series of points { x, y, say }, in viewBox units
  const takeTitle = (element) => {
    const title = element.querySelector(":scope > title");
    const text = title ? title.textContent : "";
    if (title) title.remove(); // else the browser shows its own tooltip over ours
    return text;
  };

  function ofCurve(path, svg) {
    const text = takeTitle(path);
    const [label, ...facts] = text.split("\n");
    const at = path.getAttribute("d").match(/-?\d+(\.\d+)?/g).map(Number);
    const xs = path.dataset.x.split(" "), ys = path.dataset.y.split(" ");
    const points = xs.map((x, i) => ({
      x: at[2 * i], y: at[2 * i + 1],
      say: [label, `${svg.dataset.x}: ${x}`, `${svg.dataset.y}: ${ys[i]}`, ...facts].join("\n"),
    }));
    return [{ element: path, points }];
  }

  function ofMark(mark) {
    const [x, y] = mark.dataset.at.split(",").map(Number);
    return [{ element: mark, points: [{ x, y, say: takeTitle(mark) }] }];
  }

  function ofCells(image) {
    const { rows, cols, kinds, values } = image.dataset;
    const [rowNames, colNames, [rowKind, colKind, valueKind]] = [rows, cols, kinds].map((list) => list.split("\n"));
    const shown = values.split(" ");
    const box = image.getBBox();
    const [width, height] = [box.width / colNames.length, box.height / rowNames.length];
    return rowNames.map((row, i) => ({
      element: image, cell: { width, height },
      points: colNames.map((col, j) => ({
        x: box.x + (j + 0.5) * width, y: box.y + (i + 0.5) * height,
        say: `${rowKind} ${row}\n${colKind}: ${col}\n${valueKind}: ${shown[i * colNames.length + j]}`,
      })),
    }));
  }

  function seriesOf(svg) {
    return [...svg.querySelectorAll(".curve[data-x], .mark, .cells")].flatMap((element) =>
      element.matches(".curve") ? ofCurve(element, svg) : element.matches(".mark") ? ofMark(element) : ofCells(element));
  }

  // ---- one figure
  function explore(plot) {
    let svg = plot.querySelector("svg");
    const readout = plot.querySelector(".readout");
    let series = null; // read at the first touch: a page with many figures opens at once
    let current = null; // [series, point]
    let cursor = null;
    const load = () => {
      const drawn = plot.querySelector("svg");
      if (drawn !== svg) [svg, series, current, cursor] = [drawn, null, null, null]; // a page may draw its figures anew
      series ??= svg ? seriesOf(svg) : [];
    };

    function clear() {
      svg?.classList.remove("active");
      if (current) series[current[0]].element.classList.remove("on");
      cursor?.remove();
      cursor = null;
      current = null;
      readout.hidden = true;
    }

    function drawCursor({ element, cell }, point) {
      cursor?.remove();
      cursor = null;
      if (element.matches(".mark")) return;
      cursor = document.createElementNS(SVG, cell ? "rect" : "circle");
      cursor.setAttribute("class", cell ? "cursor cell" : "cursor");
      const shape = cell
        ? { x: point.x - cell.width / 2, y: point.y - cell.height / 2, width: cell.width, height: cell.height }
        : { cx: point.x, cy: point.y, r: 4 };
      for (const [key, value] of Object.entries(shape)) cursor.setAttribute(key, value);
      svg.append(cursor);
    }

    function show(i, j) {
      if (current && current[0] !== i) series[current[0]].element.classList.remove("on");
      current = [i, j];
      const chosen = series[i], point = chosen.points[j];
      svg.classList.add("active");
      chosen.element.classList.add("on");
      drawCursor(chosen, point);

      const [label, ...rest] = point.say.split("\n");
      const strong = document.createElement("b");
      strong.textContent = label;
      readout.replaceChildren(strong, rest.length ? "\n" + rest.join("\n") : "");
      readout.hidden = false;
      const at = new DOMPoint(point.x, point.y).matrixTransform(svg.getScreenCTM());
      const box = plot.getBoundingClientRect();
      const [x, y] = [at.x - box.left, at.y - box.top];
      const left = x + 14 + readout.offsetWidth > box.width ? x - 14 - readout.offsetWidth : x + 14;
      readout.style.left = `${Math.max(0, Math.min(left, box.width - readout.offsetWidth))}px`;
      readout.style.top = `${Math.max(-8, y - readout.offsetHeight - 10)}px`;
    }

    function nearest(x, y) {
      let best = null, least = Infinity;
      series.forEach((one, i) => one.points.forEach((point, j) => {
        const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
        if (distance < least) [best, least] = [[i, j], distance];
      }));
      return best;
    }

    function under(event) {
      const mark = event.target.closest?.(".mark");
      const i = mark ? series.findIndex((one) => one.element === mark) : -1;
      if (i >= 0) return [i, 0];
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return nearest(at.x, at.y);
    }

    function step(key) {
      if (!current) return [0, 0];
      const [i, j] = current;
      const clamp = (value, end) => Math.max(0, Math.min(value, end));
      const alone = series[i].points.length === 1; // marks follow one another in both directions
      const along = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[key] ?? 0;
      const across = { ArrowDown: 1, ArrowUp: -1 }[key] ?? 0;
      const k = clamp(i + across + (alone ? along : 0), series.length - 1);
      return [k, clamp(k === i ? j + along : j, series[k].points.length - 1)];
    }

    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    const drawn = () => {
      readout.hidden = true;
      plot.setAttribute("aria-label", `${plot.querySelector("svg")?.getAttribute("aria-label") ?? "Not drawn yet."} Arrow keys read it out.`);
    };
    drawn();
    new MutationObserver(drawn).observe(plot.querySelector(".scroll"), { childList: true });
    plot.addEventListener("pointermove", (event) => {
      load();
      const found = series.length ? under(event) : null;
      if (found) show(...found);
    });
    plot.addEventListener("pointerleave", clear);
    plot.addEventListener("blur", clear);
    plot.addEventListener("keydown", (event) => {
      load();
      if (event.key === "Escape") return clear();
      if (!/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey || !series.length) return;
      event.preventDefault();
      show(...step(event.key));
    });
  }

  document.querySelectorAll("figure .plot").forEach(explore);
})();
