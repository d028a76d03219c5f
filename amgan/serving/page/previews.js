// Keeps the aged faces on the stage up to date: small previews while a control moves, the exact face when it rests.
//
// One state is in flight at a time. While a control moves, the preview in flight is shown when it arrives, and then
// only the newest state is requested. Other obsolete requests are aborted, and the server stops computing them: a
// preview when the control rests, and the exact face when it moves again.

import { ageRegion } from "./api.js";

const SIZES = [256, 320, 384, 512, 640, 768, 1024];
const AIM_MS = 110;
const FACES_AT_ONCE = 2;

export class Previews {
  #running = null;
  #wanted = null;
  #size = SIZES.indexOf(384);

  /** `options()` returns the current request or null; `faces(live)` the numbers of the faces to update. */
  constructor({ stage, photo, options, faces, failed, times }) {
    Object.assign(this, { stage, photo, options, faces, failed, times });
  }

  /** Update after a change; `live` while a control is moving. */
  change(live) {
    this.#wanted = { live };
    if (this.#running && !(this.#running.live && live)) this.#running.abort.abort();
    if (!this.#running) this.#next();
  }

  /** Abort the request in flight. */
  stop() {
    this.#wanted = null;
    this.#running?.abort.abort();
  }

  get idle() { return !this.#running && !this.#wanted; }

  async #next() {
    while (this.#wanted) {
      const { live } = this.#wanted;
      const abort = new AbortController();
      this.#wanted = null;
      this.#running = { live, abort };
      try {
        await this.#update(live, abort.signal);
      } catch (error) {
        abort.abort(); // of the other faces
        if (error.name !== "AbortError") this.failed(error);
      }
      this.#running = null;
    }
  }

  async #update(live, signal) {
    const options = await this.options();
    if (!options) {
      this.stage.clear();
      return;
    }
    const { id } = this.photo();
    const faces = this.faces(live);
    if (!live) for (const face of [...this.stage.patches.keys()]) if (!faces.includes(face)) this.stage.take(face);
    const waiting = [...faces];
    const work = async () => {
      while (waiting.length && (live || !this.#wanted)) {
        const face = waiting.shift();
        const region = live ? { face, max_frame_px: SIZES[this.#size] } : { face, lossless: true };
        const since = performance.now();
        const patch = await ageRegion(id, options, region, "webp", signal);
        if (live) this.#adapt(performance.now() - since);
        if (patch) this.stage.put(face, patch);
        else this.stage.take(face);
      }
    };
    await Promise.all(Array.from({ length: FACES_AT_ONCE }, work));
  }

  /** Choose a size for which previews are fast on this machine and connection. */
  #adapt(ms) {
    this.times.push(ms);
    if (ms > 1.35 * AIM_MS) this.#size = Math.max(0, this.#size - 1);
    else if (ms < 0.5 * AIM_MS) this.#size = Math.min(SIZES.length - 1, this.#size + 1);
  }
}
