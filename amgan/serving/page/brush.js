// A brush that paints years into the aging map of the chosen face.

import { SIDE } from "./maps.js";

const MAX_YEARS = 60;

export class Brush {
  #face = null;
  #cursor = [0.5, 0.45]; // of the keyboard, in the face's frame
  #stroke = null;
  #on = false;

  constructor({ history, stage, heat }) {
    Object.assign(this, { history, stage, heat });
    this.root = document.getElementById("panel-brush");
    this.root.innerHTML = `
      <p class="soft hint">Paint on the face. <span class="keys">The colours fade when you leave it. With the keyboard: arrows move the brush, Enter paints.</span></p>
      <div class="field"><label for="brush-years">Years</label><output for="brush-years"></output><div class="range tinted"><input id="brush-years" type="range" min="-40" max="40" step="1" value="30"></div></div>
      <div class="field"><label for="brush-size">Size</label><output for="brush-size"></output><div class="range"><input id="brush-size" type="range" min="2" max="40" step="1" value="12"></div></div>
      <div class="field"><label for="brush-soft">Softness</label><output for="brush-soft"></output><div class="range"><input id="brush-soft" type="range" min="0" max="100" step="5" value="70"></div></div>
      <div class="row">
        <div class="segments" role="radiogroup" aria-label="What the brush does">
          <label><input type="radio" name="brush-mode" value="paint" checked><span>Paint</span></label>
          <label><input type="radio" name="brush-mode" value="erase"><span>Erase</span></label>
        </div>
        <label class="check"><input id="brush-mirror" type="checkbox" checked><span>Both sides</span></label>
      </div>
      <div class="row">
        <label class="check"><input id="heat" type="checkbox" checked><span>Show the map</span></label>
        <button id="brush-clear" class="outlined">Clear paint</button>
      </div>`;
    const find = (id) => this.root.querySelector(`#${id}`);
    this.years = find("brush-years");
    this.size = find("brush-size");
    this.soft = find("brush-soft");
    this.mirror = find("brush-mirror");
    this.clear = find("brush-clear");
    this.ring = stage.pane.querySelector(".brush-ring");
    for (const input of [this.years, this.size, this.soft]) input.addEventListener("input", () => this.#label());
    find("heat").addEventListener("change", (event) => heat.show(event.target.checked));
    this.clear.addEventListener("click", () => history.commit({ paint: null }));
    history.listen(({ paint }) => { this.clear.disabled = !paint; });
    this.clear.disabled = true;
    this.#label();
    this.#pointer();
    this.#keyboard();
  }

  setFace(face) { this.#face = face; }

  /** The current tab. */
  shown(name) {
    this.#on = name === "brush";
    this.ring.hidden = true;
    this.stage.pane.tabIndex = this.#on ? 0 : -1;
    for (const [name, value] of [["aria-label", "Face to paint on: arrows move the brush, Enter paints"], ["role", "application"]]) {
      if (this.#on) this.stage.pane.setAttribute(name, value);
      else this.stage.pane.removeAttribute(name);
    }
    this.heat.tab(this.#on);
  }

  get #erasing() { return this.root.querySelector("[name=brush-mode]:checked").value === "erase"; }

  #label() {
    const [years, size, soft] = [this.years, this.size, this.soft].map((input) => Number(input.value));
    const outputs = this.root.querySelectorAll("output");
    outputs[0].textContent = years > 0 ? `${years} older` : years < 0 ? `${-years} younger` : "0";
    outputs[1].textContent = `${size} % of the face`;
    outputs[2].textContent = `${soft} %`;
  }

  /** Position in the face's frame (0 to 1) of a pixel of the photo. */
  #toFrame([x, y]) {
    const [a, b, c, d, e, f] = this.#face.frame;
    const det = a * d - b * c;
    return [(d * (x - e) - c * (y - f)) / det, (a * (y - f) - b * (x - e)) / det];
  }

  #toPhoto([u, v]) {
    const [a, b, c, d, e, f] = this.#face.frame;
    return [a * u + c * v + e, b * u + d * v + f];
  }

  /** Radius in units of the frame; the face is about 0.6 wide. */
  get #radius() { return Number(this.size.value) / 100 * 0.6 / 2; }

  #moveRing(photo) {
    const [a, b] = this.#face.frame;
    const px = 2 * this.#radius * Math.hypot(a, b) * this.stage.at.scale;
    const [x, y] = this.stage.toPane(photo);
    Object.assign(this.ring.style, { left: `${x}px`, top: `${y}px`, width: `${px}px`, height: `${px}px` });
    this.ring.hidden = !this.#on;
    this.heat.tell(this.#on ? this.#toFrame(photo) : null);
  }

  #begin() {
    this.#stroke = { mask: new Float32Array(SIDE * SIDE), before: this.history.current.paint ?? new Float32Array(SIDE * SIDE), last: null };
  }

  /** Paint from the last position to this one. */
  #paint(position) {
    const from = this.#stroke.last ?? position;
    const step = Math.max(this.#radius / 4, 1 / SIDE);
    const count = Math.max(1, Math.ceil(Math.hypot(position[0] - from[0], position[1] - from[1]) / step));
    for (let n = 1; n <= count; n++) {
      const [u, v] = [0, 1].map((i) => from[i] + (position[i] - from[i]) * n / count);
      this.#dab(u, v);
      if (this.mirror.checked) this.#dab(this.#mirrored(u, v), v);
    }
    this.#stroke.last = position;
    const { mask, before } = this.#stroke;
    const years = Number(this.years.value);
    const paint = new Float32Array(before.length);
    for (let i = 0; i < paint.length; i++) {
      const value = this.#erasing ? before[i] * (1 - mask[i]) : before[i] + years * mask[i];
      paint[i] = Math.abs(value) < 0.05 ? 0 : Math.max(-MAX_YEARS, Math.min(MAX_YEARS, value));
    }
    this.history.preview({ paint: paint.some((v) => v) ? paint : null });
  }

  /** The mirrored position: the axis goes through brow, nose and chin. */
  #mirrored(u, v) {
    const [top, bottom] = [9, 152].map((n) => this.#toFrame(this.#face.landmarks[n]));
    const middle = top[0] + (bottom[0] - top[0]) * (v - top[1]) / (bottom[1] - top[1]);
    return 2 * middle - u;
  }

  #dab(u, v) {
    const { mask } = this.#stroke;
    const radius = this.#radius * SIDE;
    const soft = Number(this.soft.value) / 100;
    const [cx, cy] = [u * SIDE - 0.5, v * SIDE - 0.5];
    const reach = (low, high) => [Math.max(0, Math.ceil(low)), Math.min(SIDE - 1, Math.floor(high))];
    const [x0, x1] = reach(cx - radius, cx + radius);
    const [y0, y1] = reach(cy - radius, cy + radius);
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        const far = Math.hypot(x - cx, y - cy) / radius;
        if (far > 1) continue;
        const edge = Math.min(1, (1 - far) / Math.max(soft, 0.02));
        const weight = edge * edge * (3 - 2 * edge);
        const i = y * SIDE + x;
        if (weight > mask[i]) mask[i] = weight;
      }
    }
  }

  #pointer() {
    const { pane } = this.stage;
    const end = () => {
      if (!this.#stroke) return;
      this.#stroke = null;
      this.history.commit();
    };
    // Runs before the stage's own listeners, which pan.
    pane.addEventListener("pointerdown", (event) => {
      if (!this.#on || event.button !== 0 || !event.isPrimary || event.target.closest(".split")) return;
      event.preventDefault();
      pane.setPointerCapture(event.pointerId);
      this.#begin();
      this.#paint(this.#toFrame(this.stage.toPhoto(event)));
    }, { capture: true });
    pane.addEventListener("pointermove", (event) => {
      if (!this.#on || !this.#face) return;
      this.#moveRing(this.stage.toPhoto(event));
      if (!this.#stroke || !event.isPrimary) return;
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length ? all : [event]) this.#paint(this.#toFrame(this.stage.toPhoto(one)));
    });
    pane.addEventListener("pointerleave", () => {
      if (this.#stroke) return;
      this.ring.hidden = true;
      this.heat.tell(null);
    });
    for (const name of ["pointerup", "pointercancel"]) pane.addEventListener(name, end);
    this.stage.root.addEventListener("pinch", () => {
      if (!this.#stroke) return;
      const { before } = this.#stroke;
      this.#stroke = null;
      this.history.preview({ paint: before.some((v) => v) ? before : null });
      this.history.commit();
    });
  }

  #keyboard() {
    this.stage.pane.addEventListener("keydown", (event) => {
      if (!this.#on || event.target !== this.stage.pane) return;
      const step = event.shiftKey ? 0.05 : 0.015;
      const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (move) this.#cursor = this.#cursor.map((v, i) => Math.min(1, Math.max(0, v + move[i])));
      else if (event.key === "Enter" || event.key === " ") {
        this.#begin();
        this.#paint(this.#cursor);
        this.#stroke = null;
        this.history.commit();
      } else return;
      event.preventDefault();
      event.stopPropagation();
      this.#moveRing(this.#toPhoto(this.#cursor));
    });
    this.stage.pane.addEventListener("focus", () => { if (this.#on) this.#moveRing(this.#toPhoto(this.#cursor)); });
  }
}
