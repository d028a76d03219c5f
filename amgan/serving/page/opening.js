// Opening a photo: from a file to what the server knows of it. A newer photo overtakes one that is on its way.

import { ApiError, getPicture, inMemory, sendPhoto } from "./api.js";
import { screenSide } from "./stage.js";

const byId = (id) => document.getElementById(id);

export class Opening {
  #abort = null;

  /** Read and send a file: {file, photo, picture}, or null where another one has overtaken it. Raises ApiError. */
  async send(candidate, limitBytes) {
    this.#abort?.abort();
    const abort = this.#abort = new AbortController();
    try {
      if (candidate.size > limitBytes) {
        throw new ApiError(413, `'${candidate.name}' is larger than the ${Math.round(limitBytes / 2 ** 20)} MiB that this server takes.`);
      }
      say("Reading the file");
      const file = await inMemory(candidate);
      if (abort.signal.aborted) return null;
      const sent = (share) => say(share < 1 ? `Sending the photo, ${Math.floor(share * 100)} %` : "Looking for faces");
      const photo = await sendPhoto(file, { sent, signal: abort.signal });
      say("Loading the photo");
      const picture = await getPicture(photo.id, screenSide(photo), abort.signal);
      return abort.signal.aborted ? null : { file, photo, picture };
    } catch (error) {
      if (abort.signal.aborted) return null;
      throw error;
    } finally {
      if (this.#abort === abort) say(null);
    }
  }
}

/** Say what the page is busy with; null when it no longer is. */
export function say(text) {
  byId("drop").classList.toggle("sending", text !== null);
  byId("busy").hidden = text === null;
  for (const place of document.querySelectorAll(".busy-text")) place.textContent = text ?? "";
}
