// Sliders of the fifteen zones, which are highlighted on the face and can be dragged there.

import { zoneAge } from "./state.js";

const PX_PER_YEAR = 4;

export class Zones {
  #rows = new Map();
  #face = null;

  constructor({ history, model, stage, overlay, bubble }) {
    Object.assign(this, { history, model, stage, overlay, bubble });
    this.root = document.getElementById("zones");
    this.sides = document.getElementById("sides");
    this.sides.addEventListener("change", () => this.#build());
    history.listen(() => this.#show());
    this.#dragOnFace();
  }

  setFace(face) {
    this.#face = face;
    this.#build();
  }

  /** Names of the sliders and the parts of each. */
  #names() {
    const apart = this.sides.checked;
    return this.model.zones.flatMap((zone) => {
      if (!apart || zone.parts.length === 1) return [{ name: zone.name, zone, parts: zone.parts, label: zone.sign }];
      return zone.parts.map((part) => ({
        name: part, zone, parts: [part], label: `${zone.sign}, ${part.endsWith("-left") ? "left" : "right"}`,
      }));
    });
  }

  #build() {
    const [low, high] = this.model.age_range.map(Math.round);
    this.#rows.clear();
    this.root.replaceChildren(...this.#names().map((slider) => {
      const row = document.createElement("div");
      row.className = "zone";
      row.dataset.zone = slider.name;
      const id = `zone-${slider.name}`;
      row.innerHTML = `<label></label><output></output><button class="icon"><svg aria-hidden="true"><use href="/page/icons.svg#cross"/></svg></button><div class="range"><input type="range" step="1"><i class="now"></i></div>`;
      const [label, output, reset, input] = ["label", "output", "button", "input"].map((name) => row.querySelector(name));
      label.textContent = slider.label[0].toUpperCase() + slider.label.slice(1);
      label.title = slider.zone.description;
      label.htmlFor = input.id = id;
      output.htmlFor = id;
      Object.assign(input, { min: low, max: high });
      reset.setAttribute("aria-label", `${slider.label}: as the face`);
      reset.title = "As the face";
      input.addEventListener("input", () => this.#set(slider, Number(input.value), true));
      input.addEventListener("change", () => this.#set(slider, Number(input.value), false));
      reset.addEventListener("click", () => this.#clear(slider));
      for (const name of ["pointerenter", "focusin"]) row.addEventListener(name, () => this.#light(slider));
      for (const name of ["pointerleave", "focusout"]) row.addEventListener(name, () => this.#light(null));
      this.#rows.set(slider.name, { slider, row, input, output });
      return row;
    }));
    this.#show();
  }

  /** Estimated ages of a slider's parts in years, and the wanted ones. */
  #years(slider, state) {
    const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
    const now = mean(slider.parts.map((part) => this.#face.zones[part]));
    const set = slider.parts.map((part) => zoneAge(state, slider.zone.name, part));
    const shift = state.age === null ? 0 : state.age - this.#face.age;
    const [low, high] = this.model.age_range;
    const moved = Math.min(high, Math.max(low, now + shift));
    return { now, set: set.some((years) => years !== null), years: mean(set.map((years) => years ?? moved)) };
  }

  #show() {
    if (!this.#face) return;
    const [low, high] = this.model.age_range;
    for (const { slider, row, input, output } of this.#rows.values()) {
      const { now, set, years } = this.#years(slider, this.history.current);
      row.classList.toggle("set", set);
      input.value = Math.round(years);
      row.querySelector(".now").style.left = `calc(9px + (100% - 18px) * ${Math.min(1, Math.max(0, (now - low) / (high - low)))})`;
      const change = Math.round(years) - Math.round(now);
      output.textContent = change ? `${Math.round(years)} (${change > 0 ? "+" : "−"}${Math.abs(change)})` : `${Math.round(years)}`;
      input.setAttribute("aria-valuetext", `${Math.round(years)} years, reads as ${Math.round(now)} now`);
    }
  }

  #set(slider, years, live) {
    const zones = { ...this.history.current.zones };
    // A zone replaces its parts, a part replaces its share of the zone.
    const whole = zones[slider.zone.name];
    for (const name of slider.name === slider.zone.name ? slider.parts : [slider.zone.name]) delete zones[name];
    if (slider.name !== slider.zone.name && whole !== undefined) {
      for (const part of slider.zone.parts) zones[part] = whole;
    }
    zones[slider.name] = years;
    if (live) this.history.preview({ zones });
    else this.history.commit({ zones });
  }

  #clear(slider) {
    const zones = { ...this.history.current.zones };
    for (const name of [slider.zone.name, ...slider.parts]) delete zones[name];
    this.history.commit({ zones });
  }

  #light(slider) {
    const parts = new Set(slider?.parts ?? []);
    this.overlay.light(parts);
    for (const { slider: other, row } of this.#rows.values()) row.classList.toggle("lit", slider !== null && other.name === slider.name);
  }

  #sliderOf(part) {
    return [...this.#rows.values()].find(({ slider }) => slider.parts.includes(part));
  }

  #dragOnFace() {
    const svg = this.overlay.root;
    let drag = null;
    const partOf = (event) => event.target.dataset?.part;
    svg.addEventListener("pointerover", (event) => {
      if (!drag && partOf(event)) this.#light(this.#sliderOf(partOf(event)).slider);
    });
    svg.addEventListener("pointerout", (event) => { if (!drag && partOf(event)) this.#light(null); });
    svg.addEventListener("pointerdown", (event) => {
      if (!partOf(event) || event.button !== 0) return;
      event.preventDefault();
      const found = this.#sliderOf(partOf(event));
      const { years } = this.#years(found.slider, this.history.current);
      drag = { ...found, from: event.clientX, years, moved: false };
      svg.setPointerCapture(event.pointerId);
      this.#light(found.slider);
      found.row.scrollIntoView({ block: "nearest" });
    });
    svg.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const [low, high] = this.model.age_range;
      const years = Math.round(Math.min(high, Math.max(low, drag.years + (event.clientX - drag.from) / PX_PER_YEAR)));
      drag.moved ||= Math.abs(event.clientX - drag.from) > 3;
      if (!drag.moved) return;
      this.#set(drag.slider, years, true);
      this.bubble.show(event, drag.slider.label, drag.output.textContent);
    });
    const end = () => {
      if (!drag) return;
      if (drag.moved) this.history.commit();
      drag = null;
      this.bubble.hide();
      this.#light(null);
    };
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, end);
    this.stage.root.addEventListener("pinch", end);
  }
}
