// Opens a photo: from a file to the server's description. A newer photo cancels one that is being opened.

import { ApiError, getPicture, inMemory, sendPhoto } from "./api.js";
import { screenSide } from "./stage.js";

const byId = (id) => document.getElementById(id);

export class Opening {
  #abort = null;

  /** Read and send a file: {file, photo, picture}, or null if a newer one cancelled it. Raises ApiError. */
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

/** Show what the page is busy with; null clears it. */
export function say(text) {
  byId("drop").classList.toggle("sending", text !== null);
  byId("busy").hidden = text === null;
  for (const place of document.querySelectorAll(".busy-text")) place.textContent = text ?? "";
}
