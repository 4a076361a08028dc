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
  }

  show(seen) {
    this.seen = seen;
    const height = (loss) => Math.sqrt(2 * Math.max(loss, 0));
    this.heights = seen.heights.map(height);
    this.way = seen.way.map(({ at, height: loss }) => ({ at, height: height(loss) }));
    this.low = Math.min(...this.heights, ...this.way.map((step) => step.height));
    this.high = Math.max(...this.heights);
    this.draw();
  }

  // x, y from −1 to 1 and a height, in pixels; depth grows away from the eye
  project(x, y, height) {
    const { yaw, pitch } = this.turn, [a, b] = [yaw * Math.PI / 180, pitch * Math.PI / 180];
    const { width, height: tall } = this.canvas;
    const up = (height - this.low) / (this.high - this.low || 1) - 0.42;
    const [right, back] = [x * Math.cos(a) - y * Math.sin(a), x * Math.sin(a) + y * Math.cos(a)];
    const scale = 0.31 * Math.min(width, 1.75 * tall);
    return { x: width / 2 + scale * right, y: tall / 2 - scale * (0.95 * up * Math.cos(b) + back * Math.sin(b)), depth: back * Math.cos(b) - up * Math.sin(b) };
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
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
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
    if (this.way.length) this.drawWay(pen); else this.dot(pen, this.project(0, 0, Math.sqrt(2 * this.seen.lowest)), colour("against"));
    this.drawScale(pen);
  }

  drawWay(pen) {
    const places = this.way.slice(0, this.step + 1).map(({ at: [s, t], height }) => this.project(s, t, height));
    for (const [width, tone] of [[6, colour("paper")], [2.6, colour("against")]]) {
      pen.beginPath();
      places.forEach((place) => pen.lineTo(place.x, place.y));
      [pen.lineWidth, pen.strokeStyle, pen.lineJoin] = [width, tone, "round"];
      pen.stroke();
    }
    this.dot(pen, places[0], colour("ink"));
    this.dot(pen, places.at(-1), colour("against"));
  }

  dot(pen, place, tone) {
    pen.beginPath();
    pen.arc(place.x, place.y, 6, 0, 7);
    [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [tone, colour("paper"), 2];
    pen.fill();
    pen.stroke();
  }

  // the heights of the lowest and the highest point, at a post on the far left
  drawScale(pen) {
    pen.font = "19px system-ui, sans-serif";
    pen.fillStyle = colour("muted");
    pen.textAlign = "left";
    pen.fillText(`misfit ${short(this.low)} (dark) to ${short(this.high)} (light)`, 22, 34);
    if (this.way.length) pen.fillText("black: start; red: the walk", 22, 60);
  }
}
