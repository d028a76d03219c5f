// The map over the face: how many years older or younger each place is asked to be.

import { SIDE } from "./maps.js";

const SPAN = 60;
const YOUNGER = [70, 140, 215];
const OLDER = [224, 104, 36];

export class Heat {
  #wanted = true;
  #tab = false;
  #face = null;

  constructor({ canvas, legend, history, levels, failed }) {
    Object.assign(this, { canvas, legend, history, levels, failed });
    this.context = canvas.getContext("2d");
    legend.querySelector("b").style.background =
      `linear-gradient(90deg, rgb(${YOUNGER}), rgb(255 255 255 / 25%) 50%, rgb(${OLDER}))`;
    legend.firstElementChild.textContent = `−${SPAN} years`;
    legend.lastElementChild.textContent = `+${SPAN} years`;
    history.listen(() => this.#draw());
  }

  setFace(face, oval) {
    this.#face = face;
    this.oval = oval;
    const [a, b, c, d, e, f] = face.frame;
    const cell = 1 / SIDE;
    this.canvas.style.width = `${SIDE}px`;
    this.canvas.style.height = `${SIDE}px`;
    this.canvas.style.transform = `matrix(${a * cell}, ${b * cell}, ${c * cell}, ${d * cell}, ${e}, ${f})`;
    this.#draw();
  }

  /** Whether the map is wanted at all. */
  show(on) {
    this.#wanted = on;
    this.#draw();
  }

  /** Whether the tab of the brush is shown: only there the map is. */
  tab(on) {
    this.#tab = on;
    this.#draw();
  }

  async #draw() {
    const on = this.#wanted && this.#tab && this.#face !== null;
    this.canvas.classList.toggle("on", on);
    this.legend.hidden = !on;
    if (!on) return;
    try {
      const { now, map } = await this.levels();
      this.#fill(now, map);
    } catch (error) {
      this.failed(error);
    }
  }

  #fill(now, map) {
    const picture = this.context.createImageData(SIDE, SIDE);
    for (let i = 0; i < map.length; i++) {
      const years = map[i] ? map[i] - now[i] : 0;
      const share = Math.min(1, Math.abs(years) / SPAN);
      picture.data.set(years < 0 ? YOUNGER : OLDER, 4 * i);
      picture.data[4 * i + 3] = 135 * share ** 0.7;
    }
    this.context.putImageData(picture, 0, 0);
    this.#clipToFace();
  }

  /** The map counts on the face only. */
  #clipToFace() {
    const [a, b, c, d, e, f] = this.#face.frame;
    const det = a * d - b * c;
    const { context } = this;
    context.save();
    context.globalCompositeOperation = "destination-in";
    context.filter = "blur(1.2px)";
    context.beginPath();
    for (const point of this.oval) {
      const [x, y] = this.#face.landmarks[point];
      context.lineTo(SIDE * (d * (x - e) - c * (y - f)) / det, SIDE * (a * (y - f) - b * (x - e)) / det);
    }
    context.fill();
    context.restore();
  }
}
