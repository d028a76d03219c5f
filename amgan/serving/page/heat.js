// The overlay of the map: the requested change in years of each position.

import { SIDE } from "./maps.js";

const SPAN = 60;
const YOUNGER = [70, 140, 215];
const OLDER = [224, 104, 36];

const opacity = (years) => 0.65 * Math.min(1, Math.abs(years) / SPAN) ** 0.65;
const signed = (years) => (years ? `${years > 0 ? "+" : "−"}${Math.abs(years)}` : "0");

export class Heat {
  #wanted = true;
  #tab = false;
  #face = null;
  #years = null; // requested changes of all cells
  #position = null;
  #drawing = false;
  #due = false;

  constructor({ canvas, legend, history, ageFields, failed }) {
    Object.assign(this, { canvas, legend, history, ageFields, failed });
    this.context = canvas.getContext("2d");
    const stops = [-1, -0.75, -0.5, -0.25, -0.1, 0, 0.1, 0.25, 0.5, 0.75, 1].map((share) =>
      `rgb(${(share < 0 ? YOUNGER : OLDER).join(" ")} / ${opacity(share * SPAN)}) ${50 + 50 * share}%`);
    legend.querySelector("b").style.backgroundImage = `linear-gradient(90deg, ${stops.join(", ")})`;
    legend.children[0].textContent = signed(-SPAN);
    legend.children[2].textContent = `${signed(SPAN)} years`;
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

  /** Whether the overlay is switched on. */
  show(on) {
    this.#wanted = on;
    this.#draw();
  }

  /** Whether the tab of the brush is shown, which is the only one with the overlay. */
  tab(on) {
    this.#tab = on;
    this.#draw();
  }

  /** Show in the legend the requested age at a position of the face's frame (0 to 1); null clears it. */
  tell(position) {
    this.#position = position;
    const cell = position?.map((v) => Math.floor(v * SIDE));
    const inside = cell?.every((v) => v >= 0 && v < SIDE);
    const years = inside && this.#years ? Math.round(this.#years[cell[1] * SIDE + cell[0]]) : 0;
    this.legend.lastElementChild.textContent = inside ? `here ${signed(years)}` : "";
  }

  /** Draw the newest map. Calls during a drawing cause one more drawing in all. */
  async #draw() {
    const on = this.#wanted && this.#tab && this.#face !== null;
    this.canvas.classList.toggle("on", on);
    this.legend.hidden = !on;
    this.#due = on;
    if (!on || this.#drawing) return;
    this.#drawing = true;
    while (this.#due) {
      this.#due = false;
      try {
        const { now, map } = await this.ageFields();
        this.#fill(map.map((years, i) => (years ? years - now[i] : 0)));
      } catch (error) {
        this.failed(error);
      }
    }
    this.#drawing = false;
  }

  #fill(years) {
    this.#years = years;
    this.tell(this.#position);
    const picture = this.context.createImageData(SIDE, SIDE);
    for (let i = 0; i < years.length; i++) {
      picture.data.set(years[i] < 0 ? YOUNGER : OLDER, 4 * i);
      picture.data[4 * i + 3] = 255 * opacity(years[i]);
    }
    this.context.putImageData(picture, 0, 0);
    this.#clipToFace();
  }

  /** The map has an effect only on the face. */
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
