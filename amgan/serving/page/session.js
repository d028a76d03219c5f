// What is worked on: the photo, the chosen face and what is asked of it, in the terms of the API.

import * as api from "./api.js";
import { keepWork } from "./kept.js";
import { composeMap, encodeMap, toBase64 } from "./maps.js";
import { asks, History, manner } from "./state.js";

export const history = new History();

/** `file` is what was chosen, null after a reload; `only` whether the chosen face alone is aged. */
export const work = { model: null, photo: null, file: null, chosen: null, only: false };

let ageFields = {};
let sending = null;

/** Begin with another photo, of which no face is chosen yet. */
export function workOn(photo) {
  Object.assign(work, { photo, chosen: null, only: false });
  ageFields = {};
}

/** Which faces are aged, as `amgan age` takes it: "all", or "#2" for the second largest alone. */
export function faces() {
  return work.photo.faces.length > 1 && work.only ? `#${work.chosen.number}` : "all";
}

/** The request of now, as the server takes it; null where nothing is asked. */
export async function options() {
  const state = history.current;
  if (!asks(state)) return null;
  const common = { ...manner(state), faces: faces() };
  if (!state.paint) return { ...common, age: state.age, zones: state.zones };
  return { ...common, map: toBase64(await encodeMap(await currentMap())) };
}

/** The map of now over the chosen face, in years. */
export async function currentMap() {
  const state = history.current;
  return composeMap(await ageField("now"), await ageField("wanted"), state.paint, work.model.age_range);
}

/** Ages of the chosen face before paint: "now", or "wanted" by age and zones. */
export async function ageField(what) {
  const { age: years, zones: named } = what === "wanted" ? history.current : { age: null, zones: {} };
  if (!work.chosen) throw new DOMException("another photo", "AbortError");
  const { number } = work.chosen;
  const key = JSON.stringify([number, what, years, named]);
  if (ageFields[what]?.key !== key) {
    ageFields[what] = { key, years: again(() => api.getAgeField(work.photo.id, number, what, years, named)) };
    ageFields[what].years.catch(() => { delete ageFields[what]; });
  }
  return ageFields[what].years;
}

/** Do something with the photo; where the server no longer has it, send it again first. */
export async function again(action) {
  const { faces: before } = work.photo;
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof api.ApiError) || !error.gone || !work.file) throw error;
    sending ??= api.sendPhoto(work.file).finally(() => { sending = null; });
    const found = await sending;
    if (work.photo?.faces !== before) throw new DOMException("another photo", "AbortError");
    work.photo = { ...found, faces: before };
    keep();
    return action();
  }
}

/** Keep what a reload would lose. */
export function keep() {
  if (!work.chosen) return;
  keepWork({ id: work.photo.id, chosen: work.chosen.number, only: work.only, state: history.current });
}
