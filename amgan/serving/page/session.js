// The state of the work: the photo, the chosen face and its request, in terms of the API.

import * as api from "./api.js";
import { keepWork } from "./kept.js";
import { composeMap, encodeMap, toBase64 } from "./maps.js";
import { asks, History, manner } from "./state.js";

export const history = new History();

/** `file` is the chosen file, null after a reload; `only` is whether only the chosen face is aged. */
export const work = { model: null, photo: null, file: null, chosen: null, only: false };

let ageFields = {};
let sending = null;

/** Begin with another photo, without a chosen face. */
export function workOn(photo) {
  Object.assign(work, { photo, chosen: null, only: false });
  ageFields = {};
}

/** The selection of faces in the syntax of `amgan age`: "all", or "#2" for the second largest. */
export function faces() {
  return work.photo.faces.length > 1 && work.only ? `#${work.chosen.number}` : "all";
}

/** The current request for the server; null if it is empty. */
export async function options() {
  const state = history.current;
  if (!asks(state)) return null;
  const common = { ...manner(state), faces: faces() };
  if (!state.paint) return { ...common, age: state.age, zones: state.zones };
  return { ...common, map: toBase64(await encodeMap(await currentMap())) };
}

/** The current map over the chosen face, in years. */
export async function currentMap() {
  const state = history.current;
  return composeMap(await ageField("now"), await ageField("wanted"), state.paint, work.model.age_range);
}

/** Ages of the chosen face without paint: "now", or "wanted" by slider and zones. */
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

/** Run a request for the photo; if the server no longer has it, send it again first. */
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

/** Store the state for a reload. */
export function keep() {
  if (!work.chosen) return;
  keepWork({ id: work.photo.id, chosen: work.chosen.number, only: work.only, state: history.current });
}
