// Questions from sliders to the module, answers into the page. No mathematics: what is shown is what the library said.
const short = (x) => {
  if (x === null || x === undefined) return "–";
  if (x === 0 || (Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5)) return String(Number(x.toPrecision(3))).replace("-", "−");
  const [mantissa, exponent] = x.toExponential(2).split("e").map(Number);
  const raised = [...String(exponent)].map((c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("");
  return `${String(mantissa).replace("-", "−")}×10${raised}`;
};
const percent = (x) => `${Number((100 * x).toPrecision(3))}\u00a0%`;
const range = (interval) => interval ? `${percent(interval[0])} to ${percent(interval[1])}` : "not known";
const element = (name, text, attributes = {}) => Object.assign(document.createElement(name), { textContent: text }, attributes);
const within = (id, selector) => document.querySelector(`#${id} ${selector}`);

// ---- the module, in workers of its own: one for what a slider moves, one for what takes longer
class Desk {
  constructor() { this.waiting = new Map(); this.worker = null; this.busy = null; }

  begin() {
    const source = new Blob([document.getElementById("worker").textContent], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(source));
    this.busy = { kind: "module", done() {} };
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (event) => this.receive({ broken: event.message });
    this.worker.postMessage({ module: document.getElementById("module").textContent });
  }

  // the last question of each kind counts: those before it that were not begun are dropped
  ask(kind, question, done, file) {
    if (!this.worker) this.begin();
    this.waiting.set(kind, { kind, question, done, file });
    this.next();
  }

  receive(data) {
    const { kind, question, done } = this.busy ?? { done() {} };
    this.busy = null;
    if (data.broken && kind === "module") return fail(`The module did not start (${data.broken}). A browser of 2023 or later is needed.`);
    if (data.broken) {
      this.stop(); // its memory may be in any state
      done({ error: `The computation broke off (${data.broken}). This is a fault of the page: please report it with the settings above.` });
    } else if (data.said) {
      window.thalweg.last[kind] = { question, said: data.said, milliseconds: data.milliseconds };
      done(data.said);
    }
    this.next();
  }

  next() {
    if (this.busy || !this.waiting.size) return;
    const [kind, next] = this.waiting.entries().next().value;
    this.waiting.delete(kind);
    this.busy = next;
    this.worker.postMessage({ question: next.question, file: next.file });
  }

  stop() {
    this.worker.terminate();
    this.begin();
  }
}

function fail(sentence) {
  const place = document.getElementById("failure");
  [place.textContent, place.hidden] = [sentence, false];
}

// ---- figures and tables
function draw(figures, prefix = "") {
  for (const { id, caption, svg, table } of figures) {
    const figure = document.getElementById(prefix + id);
    figure.querySelector(".now").textContent = caption;
    figure.querySelector(".plot .scroll").innerHTML = svg; // drawn by the library, which escapes every word
    fill(figure.querySelector("table"), table);
  }
}

function fill(table, [header, ...rows]) {
  const row = (cells, kind) => {
    const line = document.createElement("tr");
    line.append(...cells.map((cell, i) => element(i === 0 && kind === "td" ? "th" : kind, cell, kind === "th" ? { scope: "col" } : i === 0 ? { scope: "row" } : {})));
    return line;
  };
  table.tHead.replaceChildren(row(header, "th"));
  table.tBodies[0].replaceChildren(...rows.map((cells) => row(cells, "td")));
}

function numbers(list, items) {
  list.replaceChildren(...items.map(([name, value, meaning]) => {
    const item = document.createElement("div");
    item.append(element("dt", name), element("dd", value, { className: "value" }), element("dd", meaning, { className: "not" }));
    return item;
  }));
}

const sentences = (list, text) => list.replaceChildren(...text.split("\n").map((sentence) => element("li", sentence)));

function curvature({ audit, curvature: found }) {
  if (!audit.lines || !found) return [];
  const [convex, star, downhill] = found.intervals, { lines } = audit;
  return [
    ["Convex lines", percent(lines.convex_fraction), `Of ${lines.count} lines; 95 % interval over starts ${range(convex)}.`],
    ["Star-convex lines", percent(lines.star_fraction), `Tangents stay below the answer; 95 % interval ${range(star)}.`],
    ["Downhill points to the answer", percent(lines.gradient_fraction), `The weakest of the three; 95 % interval ${range(downhill)}.`],
    ["Least curvature α", `${short(found.mean)} ± ${short(found.sd)}`, `Mean and sd over lines, per entry and variance of X; over all starts its mean is at most ${short(found.expected)}, in closed form.`],
  ];
}

// ---- forms
const form = (kind) => document.querySelector(`form[data-ask=${kind}]`);
const seeds = { factor: 1, recover: 1, sparse: 1 };
const value = (kind, name) => { const field = form(kind).elements[name]; return field.type === "range" ? Number(field.value) : field.value; };

const planting = () => ({
  rows: value("factor", "rows"), cols: value("factor", "cols"), rank: Math.min(value("factor", "rank"), value("factor", "rows"), value("factor", "cols")),
  law: value("factor", "law") === "bernoulli" ? { bernoulli: 1 - value("factor", "zeros") / 100 } : value("factor", "law"),
  noise: value("factor", "noise") / 100, seed: seeds.factor,
});

// the unit of a rate: as Ensemble::unit has it
function measured() {
  const [ensemble, side] = [value("recover", "ensemble"), value("recover", "side")];
  const unknowns = ensemble === "quadratic" ? side * (side + 1) / 2 : side * side;
  const rate = (share) => ensemble === "completion" ? share : Math.max(1, Math.round(share * unknowns)) / side;
  return { rate, unknowns, planting: { ensemble, side, rank: Math.min(value("recover", "rank"), side), rate: rate(value("recover", "share") / 100), seed: seeds.recover } };
}

const say = (section, text) => { section.querySelector(".said").textContent = text; };

// asks, and shows the answer or the sentence that stands for it
function asking(desk, kind, question, show) {
  const section = form(kind)?.closest("section");
  section?.setAttribute("aria-busy", "true");
  desk.ask(kind, { ask: kind, ...question }, ({ answer, error }) => {
    section?.setAttribute("aria-busy", "false");
    if (!error) show(answer, section);
    else if (section) say(section, error);
  });
}

const quick = {
  factor() {
    asking(near, "factor", { ...planting(), restarts: 3, lines: 200 }, (found, section) => {
      const { lines } = found.audit;
      const convex = lines.convex_fraction === 1 ? "All" : lines.convex_fraction === 0 ? "None of" : `${percent(lines.convex_fraction)} of`;
      say(section, `${convex} ${lines.count} lines are convex. CV² is ${short(found.spread)}; lines of large problems are convex below ${short(found.boundaries[0])}. `
        + `The fit ${words(found.audit.status)}, with a relative error of ${percent(found.audit.relative_error)}.`);
      numbers(within("factor", ".numbers"), [...curvature(found),
        ["Found what was planted", percent(found.agreement), "Mean cosine between planted and found components, matched; 100 % is the same up to order and scale."]]);
      sentences(within("factor", ".audit ul"), found.audit.verdict);
      draw(found.figures);
      example = found.data;
    });
    quick.surface();
  },
  surface() {
    asking(near, "surface", { ...planting(), view: value("surface", "view"), method: value("surface", "method"), points: 41 }, (seen) => {
      cancelAnimationFrame(walking);
      surface.show(seen);
      const steps = form("surface").elements.step;
      [steps.max, steps.value] = [Math.max(0, seen.way.length - 1), Math.max(0, seen.way.length - 1)];
      steps.disabled = !seen.way.length;
      form("surface").querySelector("[data-walk]").disabled = !seen.way.length;
      stepTo(Number(steps.value));
    });
  },
  recover() {
    const { planting: planted, rate } = measured();
    asking(near, "recover", planted, (found, section) => {
      const [nuclear, flat] = found.by_norm;
      const verdict = (by) => !by ? "sees nothing" : { yes: "recovers the matrix", no: "does not recover it", open: "was left open" }[by.recovers];
      say(section, `${found.measurements} measurements of ${found.unknowns} unknowns; a matrix of this rank has ${found.degrees_of_freedom} degrees of freedom. The nuclear norm ${verdict(nuclear)}, the flat norm ${verdict(flat)}.`);
      const least = flat?.trace;
      fill(within("recover", ".norms"), [["norm", "recovered", "certified", "relative error", "rank found", "margin of the proof", "flatness, of its minimum"],
        ...found.by_norm.map((by) => [by.norm, by.recovers, by.proof.certified ? "yes" : `no: ${by.unproved}`, short(by.relative_error), String(by.rank), short(by.proof.margin), by.trace && least ? short(by.trace / least) : "–"])]);
    });
    const shares = Array.from({ length: 10 }, (_, i) => (i + 1) / 10);
    asking(far, "sweep", { ...planted, rates: shares.map((share) => rate(share)), maps: 12 }, (found) => draw(found.figures));
  },
  sparse() {
    const [dim, nonzeros] = [value("sparse", "dim"), value("sparse", "nonzeros")];
    const question = { dim, measurements: value("sparse", "measurements"), nonzeros: Math.min(nonzeros, dim), depths: 8, depth: value("sparse", "depth"), seed: seeds.sparse };
    asking(near, "sparse", question, (found, section) => {
      const at = found.by_depth[question.depth - 1], [here, planted] = at.objectives;
      say(section, `Depth ${at.depth}: relative error ${short(at.relative_error)}. ${at.certified ? "Proved to be the only minimiser" : `Not proved (${words(at.status)})`}. `
        + `Its objective is ${short(here)}, that of the planted vector ${short(planted)}.`);
      draw(found.figures);
    });
  },
};

const ENDS = { max_iters: "ended at the limit of iterations", stalled: "stalled at working precision", breakdown: "broke down", under_determined: "found a second minimiser" };
const words = (status) => ENDS[status] ?? status.replaceAll("_", " ");

// ---- the walk
const surface = new Surface(within("surface", "canvas"));
let example = null, walking = 0;

function stepTo(step) {
  const { seen } = surface, at = seen.way[step];
  surface.step = step;
  form("surface").elements.step.value = step;
  tell(form("surface").elements.step);
  within("surface", ".said").textContent = at
    ? `Iteration ${at.iteration} of ${seen.iterations}: loss per entry ${short(at.height)}; at the end ${short(seen.lowest)}, ${words(seen.status)}.`
    : `Loss per entry at the answer ${short(seen.lowest)}, at the corners up to ${short(Math.max(...seen.heights))}.`;
  surface.canvas.setAttribute("aria-label", `The loss over a plane, as a surface. ${within("surface", ".said").textContent} Arrow keys turn it.`);
  surface.draw();
}

function walk() {
  cancelAnimationFrame(walking);
  const last = surface.seen.way.length - 1, began = performance.now();
  // those who want less motion get the end at once; the slider steps there
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return stepTo(last);
  const frame = (now) => {
    // a frame may carry a time from before the click
    stepTo(Math.min(last, Math.max(0, Math.floor((now - began) / 4000 * (last + 1)))));
    if (surface.step < last) walking = requestAnimationFrame(frame);
  };
  walking = requestAnimationFrame(frame);
}

function turn(by) {
  for (const [name, step] of Object.entries(by)) {
    const field = form("surface").elements[name];
    const turned = Number(field.value) + step;
    field.value = name === "yaw" ? (turned + 540) % 360 - 180 : turned;
    surface.turn[name] = Number(field.value);
    tell(field);
  }
  surface.draw();
}

function hold(canvas) {
  const keys = { ArrowLeft: { yaw: -5 }, ArrowRight: { yaw: 5 }, ArrowUp: { pitch: 3 }, ArrowDown: { pitch: -3 } };
  canvas.addEventListener("keydown", (event) => { if (keys[event.key]) { event.preventDefault(); turn(keys[event.key]); } });
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) turn({ yaw: event.movementX * 0.5, pitch: event.movementY * 0.3 });
  });
}

// ---- a table of one's own
const LARGEST = 64 * 2 ** 20;
let table = null;

async function take(file) {
  if (file.size > LARGEST) return say(document.getElementById("own"), `${file.name} has ${Math.round(file.size / 2 ** 20)} MiB; this page takes up to 64. The command line takes more.`);
  table = { name: file.name, bytes: await file.arrayBuffer() };
  audit();
}

function audit() {
  if (!table) return;
  const stop = form("table").querySelector("[data-stop]");
  stop.hidden = false;
  say(document.getElementById("own"), `Reading and fitting ${table.name} …`);
  within("own", ".result").hidden = true;
  const question = { name: table.name, missing: value("table", "missing"), negative: value("table", "negative"), rank: value("table", "rank"), restarts: value("table", "restarts"), lines: 100, seed: 0 };
  own.ask("table", { ask: "table", ...question }, ({ answer: found, error }) => {
    stop.hidden = true;
    if (error) return say(document.getElementById("own"), error);
    const [first, ...rest] = found.audit.verdict.split("\n");
    say(document.getElementById("own"), first);
    within("own", ".result").hidden = false;
    within("own", ".about").textContent = [`${question.name}: ${found.shape.join(" × ")}, ${found.kind}`, `rank ${question.rank}`, `method ${found.method}`, ...found.notes].join(" · ");
    sentences(within("own", ".sentences"), rest.join("\n"));
    numbers(within("own", ".numbers"), [["Relative error", percent(found.audit.relative_error), "‖X − UVᵀ‖ / ‖X‖ over the observed entries."], ...curvature(found)]);
    draw(found.figures, "own-");
    fill(within("own", ".components"), [["component", "columns, heaviest first"], ...found.components.map((columns, k) => [String(k + 1), columns.map(({ name, weight }) => `${name} (${percent(weight)})`).join(", ")])]);
  }, table.bytes);
}

function exampleTable() {
  if (!example) return;
  const cols = value("factor", "cols"), lines = [];
  for (let at = 0; at < example.length; at += cols) lines.push(example.slice(at, at + cols).join(","));
  take(new File([lines.join("\n")], "planted.csv"));
}

// ---- wiring
const shown = { share: (x) => `${Math.max(1, Math.round(x / 100 * measured().unknowns))} of ${measured().unknowns}`, noise: (x) => `${x} %`, zeros: (x) => `${x} %`, yaw: (x) => `${x}°`.replace("-", "−"), pitch: (x) => `${x}°` };
function tell(field) {
  const output = field.closest("label")?.querySelector("output");
  if (output) output.textContent = (shown[field.name] ?? String)(Math.round(field.value));
}
const tellAll = (fields) => [...fields].filter((field) => field.type === "range").forEach(tell);

function changed(kind, field) {
  tellAll(form(kind).elements);
  form("factor").elements.zeros.disabled = value("factor", "law") !== "bernoulli";
  if (kind === "table") return field.type === "file" ? field.files[0] && take(field.files[0]) : audit();
  if (["yaw", "pitch"].includes(field?.name)) return turn({ [field.name]: 0 });
  if (field?.name === "step") return surface.seen && stepTo(Number(field.value));
  quick[kind]();
}

window.thalweg = { last: {} }; // the last answers, for tests and the curious
const [near, far, own] = [new Desk(), new Desk(), new Desk()];
for (const one of document.querySelectorAll("form[data-ask]")) {
  const kind = one.dataset.ask;
  one.addEventListener("submit", (event) => event.preventDefault());
  // a file counts when it is chosen, a slider while it moves; a table is fitted once the slider rests
  one.addEventListener(kind === "table" ? "change" : "input", (event) => changed(kind, event.target));
  if (kind === "table") one.addEventListener("input", () => tellAll(one.elements));
  one.querySelector("[data-draw]")?.addEventListener("click", () => { seeds[kind] += 1; quick[kind](); });
}
form("surface").querySelector("[data-walk]").addEventListener("click", () => surface.seen?.way.length && walk());
form("table").querySelector("[data-example]").addEventListener("click", exampleTable);
form("table").querySelector("[data-stop]").addEventListener("click", (event) => {
  own.stop();
  event.target.hidden = true;
  say(document.getElementById("own"), "Stopped.");
});
const drop = document.querySelector(".drop");
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}
hold(surface.canvas);
new ResizeObserver(() => surface.fit()).observe(surface.canvas);
new MutationObserver(() => surface.draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => surface.draw());
document.querySelectorAll("form[data-ask]").forEach((one) => tellAll(one.elements));
changed("factor");
quick.recover();
quick.sparse();
