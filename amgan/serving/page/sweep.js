// A scrubber over the face at several ages, computed in advance.

import { getPhoto, sweep } from "./api.js";
import { manner } from "./state.js";

export class Sweep {
  #face = null;
  #frames = [];
  #abort = null;
  #timer = null;
  #on = false;
  #follows = false; // shows each age on arrival
  #manner = ""; // the options of the computed ages

  constructor({ history, stage, photo, model, failed, again }) {
    Object.assign(this, { history, stage, photo, model, failed, again });
    this.root = document.getElementById("panel-sweep");
    const [low, high] = model.age_range.map(Math.round);
    this.root.innerHTML = `
      <p class="soft hint">The chosen face through the ages, computed ahead; then move through them, or play.</p>
      <div class="row ages-row">
        <label>From <input id="sweep-from" type="number" min="${low}" max="${high}" value="20"></label>
        <label>to <input id="sweep-to" type="number" min="${low}" max="${high}" value="80"></label>
        <label>every <input id="sweep-step" type="number" min="1" max="30" value="5"></label>
      </div>
      <div class="row"><button id="sweep-go" class="outlined">Compute</button><progress id="sweep-progress" value="0" max="1" hidden></progress></div>
      <div id="sweep-player" hidden>
        <div class="field"><label for="sweep-at">Age</label><output for="sweep-at"></output><div class="range big"><input id="sweep-at" type="range" min="0" step="1" value="0"></div></div>
        <div class="row"><button id="sweep-play" class="outlined">Play</button><button id="sweep-take" class="outlined">Take this age</button></div>
      </div>`;
    const find = (id) => this.root.querySelector(`#${id}`);
    Object.assign(this, {
      from: find("sweep-from"), to: find("sweep-to"), step: find("sweep-step"), go: find("sweep-go"),
      progress: find("sweep-progress"), player: find("sweep-player"), at: find("sweep-at"), play: find("sweep-play"),
      output: this.root.querySelector("output"),
    });
    this.go.addEventListener("click", () => (this.#abort ? this.#stop() : this.#compute()));
    this.at.addEventListener("input", () => this.#show(Number(this.at.value)));
    this.play.addEventListener("click", () => (this.#timer ? this.#pause() : this.#start()));
    history.listen((state) => this.#asked(state));
    find("sweep-take").addEventListener("click", () => {
      this.#pause();
      history.commit({ age: this.#frames[Number(this.at.value)].years, zones: {}, paint: null });
    });
  }

  setFace(face) {
    this.#face = face;
    this.#forget();
  }

  shown(name) {
    const was = this.#on;
    this.#on = name === "sweep";
    if (was && !this.#on) this.leave();
    else if (this.#on && this.#frames.length) this.#show(Number(this.at.value));
  }

  /** Show the request again instead of an age of the sweep. */
  leave() {
    this.#stop();
    this.#pause();
    this.#showing(false);
    if (this.#frames.length) this.restore?.();
  }

  /** After a new request: show it instead of an age of the sweep. */
  #asked(state) {
    this.#follows = false;
    this.#showing(false);
    this.#pause();
    if (this.#frames.length && JSON.stringify(manner(state)) !== this.#manner) this.#forget();
  }

  #showing(on) { document.body.classList.toggle("sweeping", on); }

  #forget() {
    this.#stop();
    this.#pause();
    this.#frames = [];
    this.#showing(false);
    this.player.hidden = true;
  }

  async #compute() {
    this.#forget();
    this.#manner = JSON.stringify(manner(this.history.current));
    this.#follows = true;
    const abort = this.#abort = new AbortController();
    this.go.textContent = "Stop";
    this.progress.hidden = false;
    this.progress.value = 0;
    try {
      await this.again(() => getPhoto(this.photo().id));
      const ages = `${this.from.value}:${this.to.value}:${this.step.value}`;
      const options = { ages, ...manner(this.history.current), region: { face: this.#face.number } };
      const lines = sweep(this.photo().id, options, abort.signal);
      for await (const line of lines) {
        this.progress.value = line.done / line.total;
        const bitmap = line.picture && await createImageBitmap(await (await fetch(`data:image/webp;base64,${line.picture}`)).blob());
        if (abort.signal.aborted) return;
        this.#frames.push({ years: line.years, patch: bitmap ? { bitmap, box: line.box } : null });
        this.at.max = this.#frames.length - 1;
        this.at.value = this.at.max;
        this.player.hidden = false;
        if (this.#on && this.#follows) this.#show(this.#frames.length - 1);
      }
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    } finally {
      if (this.#abort === abort) this.#stop();
    }
  }

  #stop() {
    this.#abort?.abort();
    this.#abort = null;
    this.go.textContent = "Compute";
    this.progress.hidden = true;
  }

  #show(n) {
    const frame = this.#frames[n];
    this.#showing(true);
    this.at.value = n;
    this.output.textContent = `${frame.years} years`;
    this.at.setAttribute("aria-valuetext", `${frame.years} years`);
    if (frame.patch) this.stage.put(this.#face.number, frame.patch);
    else this.stage.take(this.#face.number);
  }

  /** Play forwards and backwards until stopped. */
  #start() {
    this.play.textContent = "Pause";
    let step = 1;
    this.#timer = setInterval(() => {
      const last = this.#frames.length - 1;
      let next = Number(this.at.value) + step;
      if (next > last || next < 0) {
        step = -step;
        next = Math.min(last, Math.max(0, Number(this.at.value) + step));
      }
      this.#show(next);
    }, 125);
  }

  #pause() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.play.textContent = "Play";
  }
}
