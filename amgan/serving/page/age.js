// The main slider: one age for the whole face.

const byId = (id) => document.getElementById(id);

export class AgeSlider {
  constructor(history, range) {
    this.history = history;
    this.range = range;
    this.input = byId("age");
    [this.input.min, this.input.max] = range.map(Math.round);
    this.now = range[0];
    const [low, high] = range;
    const marks = Array.from({ length: 10 }, (_, n) => 20 * n).filter((years) => years > low && years < high);
    byId("age-scale").replaceChildren(...marks.map((years) => {
      const label = document.createElement("span");
      label.textContent = years;
      label.style.left = `calc(13px + (100% - 26px) * ${(years - low) / (high - low)})`;
      return label;
    }));
    this.input.addEventListener("input", () => history.preview({ age: Number(this.input.value) }));
    this.input.addEventListener("change", () => history.commit({ age: Number(this.input.value) }));
    byId("age-reset").addEventListener("click", () => {
      history.commit({ age: null });
      this.input.focus();
    });
    history.listen((state) => this.#show(state));
  }

  /** Mark the estimated age of a face. */
  setNow(years) {
    this.now = years;
    this.#show(this.history.current);
  }

  #show({ age }) {
    const [low, high] = this.range;
    const position = (years) => `calc(13px + (100% - 26px) * ${Math.min(1, Math.max(0, (years - low) / (high - low)))})`;
    byId("age-now").style.left = position(this.now);
    byId("age-now").title = `reads as ${Math.round(this.now)} now`;
    const shown = age ?? Math.round(this.now);
    this.input.value = shown;
    byId("age-value").textContent = shown;
    const change = age === null ? 0 : age - Math.round(this.now);
    const by = change ? `${change > 0 ? "+" : "−"}${Math.abs(change)}, reads as ${Math.round(this.now)} now` : "as it reads now";
    byId("age-note").textContent = by;
    this.input.setAttribute("aria-valuetext", `${shown} years, ${by}`);
    byId("age-reset").hidden = age === null;
  }
}
