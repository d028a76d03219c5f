// The work of a tab, stored over a reload: the photo's id and the request. The photo itself is on the server.

import { fromBase64, toBase64 } from "./maps.js";

const KEY = "amgan-work";

export function keepWork({ id, chosen, only, state }) {
  const paint = state.paint && toBase64(new Uint8Array(state.paint.buffer));
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ id, chosen, only, state: { ...state, paint } }));
  } catch { /* without storage a reload starts from the beginning */ }
}

export function forgetWork() {
  sessionStorage.removeItem(KEY);
}

/** The last argument of keepWork, or null. */
export function keptWork() {
  try {
    const work = JSON.parse(sessionStorage.getItem(KEY));
    if (work?.state.paint) work.state.paint = new Float32Array(fromBase64(work.state.paint).buffer);
    return work;
  } catch {
    return null;
  }
}
