// A surface over a square, drawn from far to near, that can be turned; and a way across it.
"use strict";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const between = (a, b, t) => `rgb(${a.map((x, i) => Math.round(x + t * (b[i] - x))).join(" ")})`;

class Surface {
  constructor(canvas) {
    this.canvas = canvas;
    this.seen = null; // the answer to a question of kind "surface"
    this.turn = { yaw: -40, pitch: 35 };
    this.step = 0;
    [this.width, this.tall] = [0, 0];
  }

  show(seen) {
    this.seen = seen;
    const height = (loss) => Math.sqrt(2 * Math.max(loss, 0));
    this.heights = seen.heights.map(height);
    this.way = seen.way.map(({ at, height: loss }) => ({ at, height: height(loss) }));
    this.low = Math.min(...this.heights, ...this.way.map((step) => step.height));
    this.high = Math.max(...this.heights);
    this.step = Math.max(0, this.way.length - 1);
    this.draw();
  }

  // as many dots as the screen has, drawn in its units
  fit() {
    const dots = devicePixelRatio, { clientWidth, clientHeight } = this.canvas;
    Object.assign(this, { width: clientWidth, tall: clientHeight });
    [this.canvas.width, this.canvas.height] = [clientWidth * dots, clientHeight * dots];
    this.canvas.getContext("2d").scale(dots, dots);
    this.draw();
  }

  // x, y from −1 to 1 and a height, in pixels; depth grows away from the eye
  project(x, y, height) {
    const { yaw, pitch } = this.turn, [a, b] = [yaw * Math.PI / 180, pitch * Math.PI / 180];
    const { width, tall } = this;
    const up = (height - this.low) / (this.high - this.low || 1) - 0.5;
    const [right, back] = [x * Math.cos(a) - y * Math.sin(a), x * Math.sin(a) + y * Math.cos(a)];
    const scale = 0.24 * Math.min(width, 1.85 * tall);
    return { x: width / 2 + scale * right, y: 0.56 * tall - scale * (0.8 * up * Math.cos(b) + back * Math.sin(b)), depth: back * Math.cos(b) - up * Math.sin(b) };
  }

  tiles() {
    const n = this.seen.points, at = (i) => 2 * i / (n - 1) - 1;
    // rows of heights are steps in the first coordinate
    const corners = this.heights.map((height, k) => ({ ...this.project(at(Math.floor(k / n)), at(k % n), height), height }));
    const tiles = [];
    for (let i = 0; i + 1 < n; i++) {
      for (let j = 0; j + 1 < n; j++) {
        const four = [i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j].map((k) => corners[k]);
        tiles.push({ four, depth: four.reduce((sum, c) => sum + c.depth, 0), height: four.reduce((sum, c) => sum + c.height, 0) / 4 });
      }
    }
    return tiles.sort((a, b) => b.depth - a.depth);
  }

  draw() {
    if (!this.seen) return;
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, this.width, this.tall);
    const [deep, high, line] = [colour("lead"), colour("surface"), colour("paper")];
    const ramp = [channels(deep), channels(high)];
    pen.lineWidth = 0.6;
    for (const { four, height } of this.tiles()) {
      pen.beginPath();
      four.forEach((c) => pen.lineTo(c.x, c.y));
      pen.closePath();
      pen.fillStyle = between(...ramp, 0.92 * Math.sqrt((height - this.low) / (this.high - this.low || 1)));
      pen.strokeStyle = line;
      pen.fill();
      pen.stroke();
    }
    if (this.way.length) this.drawWay(pen); else this.dot(pen, this.project(0, 0, Math.sqrt(2 * this.seen.lowest)), colour("against"), "answer");
    this.say(pen, 16, 26, `misfit ${short(this.low)} (blue) to ${short(this.high)} (pale)`);
  }

  drawWay(pen) {
    const places = this.way.slice(0, this.step + 1).map(({ at: [s, t], height }) => this.project(s, t, height));
    for (const [width, tone] of [[6, colour("paper")], [2.6, colour("against")]]) {
      pen.beginPath();
      places.forEach((place) => pen.lineTo(place.x, place.y));
      [pen.lineWidth, pen.strokeStyle, pen.lineJoin] = [width, tone, "round"];
      pen.stroke();
    }
    this.dot(pen, places[0], colour("ink"), "start");
    this.dot(pen, places.at(-1), colour("against"), this.step === this.way.length - 1 ? "answer" : "");
  }

  dot(pen, place, tone, label) {
    pen.beginPath();
    pen.arc(place.x, place.y, 5.5, 0, 7);
    [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [tone, colour("paper"), 2];
    pen.fill();
    pen.stroke();
    this.say(pen, place.x + 10, place.y - 8, label);
  }

  say(pen, x, y, text) {
    [pen.font, pen.fillStyle, pen.strokeStyle, pen.lineWidth] = ["15px system-ui, sans-serif", colour("ink"), colour("surface"), 4];
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  }
}
