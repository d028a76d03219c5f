// The photo on the page: zoom, pan, compare, and the aged faces over it.

const MAX_SCALE = 12;
const SCREEN_SIDE = 2560;
const EDGE = 0.12; // share of the pane: closer to its edge, the split leaves no room for a label

/** The side in px at which a photo is shown first; null for full resolution. */
export function screenSide({ width, height }) {
  return Math.max(width, height) > SCREEN_SIDE ? SCREEN_SIDE : null;
}

export class Stage {
  /** `picture(side)` returns the URL of a blob of the photo on the stage. */
  constructor(root, { picture, failed }) {
    Object.assign(this, { root, picture, failed });
    this.panes = [...root.querySelectorAll(".pane")];
    this.pane = root.querySelector(".pane-after");
    this.boards = [...root.querySelectorAll(".board")];
    this.overlay = root.querySelector(".overlay");
    this.after = root.querySelector(".after");
    this.handle = root.querySelector("#split");
    this.photo = null;
    this.at = { scale: 1, x: 0, y: 0, fitted: true };
    this.split = 0.5;
    this.patches = new Map();
    new ResizeObserver(() => this.#refit()).observe(this.pane);
    this.#pan();
    for (const name of ["pointerenter", "pointerleave"]) {
      root.addEventListener(name, (event) => {
        if (event.pointerType === "mouse") root.classList.toggle("left", name === "pointerleave");
      });
    }
    this.#dragSplit();
    this.compare = "split";
  }

  /** Show a photo from the URL of a blob; resolves when it is visible. */
  async show(photo, url) {
    this.photo = photo;
    this.at.face = null;
    this.clear();
    for (const board of this.boards) {
      board.style.width = `${photo.width}px`;
      board.style.height = `${photo.height}px`;
    }
    this.overlay.setAttribute("viewBox", `0 0 ${photo.width} ${photo.height}`);
    this.full = screenSide(photo) === null;
    await this.#load(url);
    this.fit();
  }

  async #load(url) {
    const images = this.boards.map((board) => board.querySelector("img"));
    for (const image of images) image.src = url;
    await Promise.all(images.map((image) => image.decode().catch(() => {})));
    URL.revokeObjectURL(url);
  }

  /** Show the photo in full resolution if it was shown smaller. */
  async #loadFull() {
    const { photo } = this;
    this.full = true;
    try {
      const url = await this.picture(null);
      if (this.photo === photo) await this.#load(url);
    } catch (error) {
      this.full = this.photo !== photo && this.full;
      this.failed(error);
    }
  }

  /** Show an aged face over the photo, replacing the last one. */
  put(face, patch) {
    const canvas = document.createElement("canvas");
    canvas.width = patch.bitmap.width;
    canvas.height = patch.bitmap.height;
    canvas.getContext("2d").drawImage(patch.bitmap, 0, 0);
    const [x0, y0, x1, y1] = patch.box;
    Object.assign(canvas.style, { left: `${x0}px`, top: `${y0}px`, width: `${x1 - x0}px`, height: `${y1 - y0}px` });
    const old = this.patches.get(face);
    if (old) old.replaceWith(canvas);
    else this.after.append(canvas);
    this.patches.set(face, canvas);
    this.root.classList.remove("unchanged");
  }

  /** Remove an aged face that has no request. */
  take(face) {
    this.patches.get(face)?.remove();
    this.patches.delete(face);
    this.root.classList.toggle("unchanged", this.patches.size === 0);
  }

  clear() {
    for (const face of [...this.patches.keys()]) this.take(face);
    this.root.classList.add("unchanged");
  }

  set compare(mode) {
    this.root.dataset.compare = mode;
    requestAnimationFrame(() => this.#refit());
    this.#apply();
  }

  get compare() { return this.root.dataset.compare; }

  showBefore(on) { this.root.classList.toggle("showing-before", on); }

  setSplit(share) {
    this.split = Math.min(1, Math.max(0, share));
    this.handle.setAttribute("aria-valuenow", Math.round(this.split * 100));
    this.#apply();
  }

  /** Move the split away for the brush, and back. */
  setAside(on) {
    if (on === (this.aside !== undefined)) return;
    const before = this.split;
    this.setSplit(on ? 0 : this.aside);
    this.aside = on ? before : undefined;
  }

  /** Fit the photo again after the pane was resized. */
  #refit() {
    if (this.at.fitted) this.fit();
    else if (this.at.face) this.fitFace(this.at.face, { keepSplit: true });
    else this.#apply();
  }

  fit() {
    if (!this.photo) return;
    const { clientWidth: width, clientHeight: height } = this.pane;
    const scale = Math.min(width / this.photo.width, height / this.photo.height, 4);
    this.at = {
      scale, x: (width - scale * this.photo.width) / 2, y: (height - scale * this.photo.height) / 2, fitted: true,
    };
    this.#apply();
  }

  /** Zoom to a face, with the split through its middle. */
  fitFace(face, { keepSplit = false } = {}) {
    const [a, b, c, d, e, f] = face.frame;
    const [x, y] = [a / 2 + c * 0.52 + e, b / 2 + d * 0.52 + f];
    const { clientWidth: width, clientHeight: height } = this.pane;
    const side = Math.hypot(a, b);
    const whole = Math.min(width / this.photo.width, height / this.photo.height, 4);
    const scale = Math.max(whole, Math.min(0.98 * Math.min(width, height) / side, 4));
    this.at = { ...this.#centred([x, y], scale), fitted: false, face };
    const middle = this.toPane([x, y])[0] / width;
    if (keepSplit) this.setSplit(this.split);
    else if (this.aside === undefined) this.setSplit(middle);
    else this.aside = middle;
    this.#apply();
  }

  /** Zoom to 1:1 with a face in the middle. */
  full100(box) {
    const scale = 1 / window.devicePixelRatio;
    const [x0, y0, x1, y1] = box ?? [0, 0, this.photo.width, this.photo.height];
    this.at = { ...this.#centred([(x0 + x1) / 2, (y0 + y1) / 2], scale), fitted: false };
    this.#apply();
  }

  /** Centre a position of the photo, with no wider margin than the whole photo would have. */
  #centred([x, y], scale) {
    const position = (centre, extent, size) => {
      const start = extent / 2 - centre * scale;
      return size * scale <= extent ? (extent - size * scale) / 2 : Math.min(0, Math.max(extent - size * scale, start));
    };
    const { clientWidth: width, clientHeight: height } = this.pane;
    return { scale, x: position(x, width, this.photo.width), y: position(y, height, this.photo.height) };
  }

  zoom(factor, x = this.pane.clientWidth / 2, y = this.pane.clientHeight / 2) {
    const least = Math.min(this.pane.clientWidth / this.photo.width, this.pane.clientHeight / this.photo.height, 1) / 2;
    const scale = Math.min(MAX_SCALE, Math.max(least, this.at.scale * factor));
    const by = scale / this.at.scale;
    this.at = { scale, x: x - (x - this.at.x) * by, y: y - (y - this.at.y) * by, fitted: false };
    this.#apply();
  }

  /** Position of a pointer in px of the photo. */
  toPhoto(event) {
    const box = this.pane.getBoundingClientRect();
    return [(event.clientX - box.left - this.at.x) / this.at.scale, (event.clientY - box.top - this.at.y) / this.at.scale];
  }

  /** Position in the pane of a pixel of the photo. */
  toPane([x, y]) {
    return [x * this.at.scale + this.at.x, y * this.at.scale + this.at.y];
  }

  #apply() {
    if (!this.photo) return;
    const { scale, x, y } = this.at;
    for (const board of this.boards) {
      board.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      board.style.setProperty("--px", 1 / scale);
    }
    const width = this.pane.clientWidth;
    this.handle.style.left = `${this.split * width}px`;
    this.root.dataset.split = this.split < EDGE ? "left" : this.split > 1 - EDGE ? "right" : "middle";
    const cut = this.compare === "split" ? (this.split * width - x) / scale : -1e5;
    this.after.style.clipPath = `polygon(${cut}px -1e5px, 1e6px -1e5px, 1e6px 1e6px, ${cut}px 1e6px)`;
    const zoom = scale * window.devicePixelRatio;
    if (!this.full && (zoom >= 1 || zoom * Math.max(this.photo.width, this.photo.height) > SCREEN_SIDE * 1.2)) {
      this.#loadFull();
    }
  }

  /** Handle the wheel, two fingers, and one finger or the mouse if nothing else uses them. */
  #pan() {
    const fingers = new Map();
    for (const pane of this.panes) {
      pane.addEventListener("wheel", (event) => {
        event.preventDefault();
        const box = pane.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
      }, { passive: false });
      pane.addEventListener("pointerdown", (event) => {
        fingers.set(event.pointerId, event);
        if (fingers.size === 2) this.root.dispatchEvent(new CustomEvent("pinch"));
        if (event.defaultPrevented && fingers.size < 2) return;
        pane.setPointerCapture(event.pointerId);
        pane.classList.add("panning");
      });
      pane.addEventListener("pointermove", (event) => {
        const before = fingers.get(event.pointerId);
        if (!before || !pane.classList.contains("panning")) return;
        const others = [...fingers.values()].filter((f) => f.pointerId !== event.pointerId);
        const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
        if (others.length === 0) {
          this.at = { ...this.at, x: this.at.x + dx, y: this.at.y + dy, fitted: false, face: null };
          this.#apply();
        } else {
          const box = pane.getBoundingClientRect();
          const far = (f) => Math.hypot(f.clientX - others[0].clientX, f.clientY - others[0].clientY);
          this.at = { ...this.at, x: this.at.x + dx / 2, y: this.at.y + dy / 2, fitted: false, face: null };
          this.zoom(far(event) / Math.max(far(before), 1), (event.clientX + others[0].clientX) / 2 - box.left, (event.clientY + others[0].clientY) / 2 - box.top);
        }
        fingers.set(event.pointerId, event);
      });
      for (const name of ["pointerup", "pointercancel"]) {
        pane.addEventListener(name, (event) => {
          fingers.delete(event.pointerId);
          if (!fingers.size) pane.classList.remove("panning");
        });
      }
    }
  }

  #dragSplit() {
    this.handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.handle.focus();
      this.handle.setPointerCapture(event.pointerId);
    });
    this.handle.addEventListener("pointermove", (event) => {
      event.stopPropagation();
      if (!this.handle.hasPointerCapture(event.pointerId)) return;
      const box = this.pane.getBoundingClientRect();
      this.setSplit((event.clientX - box.left) / box.width);
    });
    this.handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.setSplit(this.split + step);
    });
  }
}
