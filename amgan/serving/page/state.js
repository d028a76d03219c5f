// The request with its history. States are immutable.

export const EMPTY = Object.freeze({ age: null, zones: Object.freeze({}), paint: null, strength: 1, pattern: null, lines: 1, hair: true, shape: true, features: true, neck: true });

/** The options besides ages, with their names in the API. */
export function manner({ strength, pattern, lines, hair, shape, features, neck }) {
  return { strength, pattern, lines, hair, shape, features, neck };
}

export class History {
  #past = [];
  #future = [];
  #settled = EMPTY;
  #current = EMPTY;
  #listeners = [];

  get current() { return this.#current; }
  get canUndo() { return this.#past.length > 0; }
  get canRedo() { return this.#future.length > 0; }

  /** Call `listener(state, live)` after every change; `live` while a control is moving. */
  listen(listener) { this.#listeners.push(listener); }

  /** Apply a change without a step in the history. */
  preview(change) {
    this.#current = Object.freeze({ ...this.#current, ...change });
    this.#tell(true);
  }

  /** Add a change, or the previewed one, to the history. */
  commit(change = {}) {
    this.#current = Object.freeze({ ...this.#current, ...change });
    if (!same(this.#current, this.#settled)) {
      this.#past.push(this.#settled);
      if (this.#past.length > 200) this.#past.shift();
      this.#future = [];
      this.#settled = this.#current;
    }
    this.#tell(false);
  }

  undo() { this.#step(this.#past, this.#future); }
  redo() { this.#step(this.#future, this.#past); }

  /** Clear everything for another photo. */
  reset() {
    this.#past = [];
    this.#future = [];
    this.#current = this.#settled = EMPTY;
    this.#tell(false);
  }

  #step(from, to) {
    if (!from.length) return;
    to.push(this.#settled);
    this.#current = this.#settled = from.pop();
    this.#tell(false);
  }

  #tell(live) {
    for (const listener of this.#listeners) listener(this.#current, live);
  }
}

/** Whether a state has a request. */
export function asks(state) {
  return state.age !== null || Object.keys(state.zones).length > 0 || state.paint !== null;
}

function same(a, b) {
  return a.age === b.age && a.paint === b.paint && JSON.stringify(manner(a)) === JSON.stringify(manner(b)) &&
    JSON.stringify(a.zones) === JSON.stringify(b.zones);
}

/** The wanted age of a part in years: that of its zone or of the part, or null if none is set. */
export function zoneAge(state, zone, part) {
  return state.zones[part] ?? state.zones[zone] ?? null;
}
