// Assembles the page.

import { AgeSlider } from "./age.js";
import * as api from "./api.js";
import { Brush } from "./brush.js";
import { mapName, outputName } from "./command.js";
import { Heat } from "./heat.js";
import { forgetWork, keptWork } from "./kept.js";
import { encodeMap, paintOfMap } from "./maps.js";
import { More } from "./more.js";
import { notice } from "./notices.js";
import { Opening } from "./opening.js";
import { Bubble, Overlay } from "./overlay.js";
import { Previews } from "./previews.js";
import { again, currentMap, faces, history, keep, ageField, options, work, workOn } from "./session.js";
import { screenSide, Stage } from "./stage.js";
import { setUpStart, turn, turnToPhoto } from "./start.js";
import { asks } from "./state.js";
import { Sweep } from "./sweep.js";
import { setUpTabs } from "./tabs.js";
import { Zones } from "./zones.js";
import { download, setUpFiles, setUpKeys, setUpTheme } from "./window.js";

const byId = (id) => document.getElementById(id);
const stage = new Stage(byId("stage"), {
  picture: (side) => again(() => api.getPicture(work.photo.id, side)),
  failed: trouble,
});
const opening = new Opening();
const times = []; // of previews, in ms
let age, zones, overlay, more, tools = [];

const previews = new Previews({
  stage,
  options,
  times,
  photo: () => work.photo,
  faces: (live) => (live || faces() !== "all" ? [work.chosen.number] : work.photo.faces.filter((f) => !f.left).map((f) => f.number)),
  failed: trouble,
});

let waiting = null;
async function trouble(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof api.ApiError)) throw error;
  if (error.gone && work.file) {
    await again(() => Promise.reject(new api.ApiError(404, error.message))).catch(() => {});
    previews.change(false);
    return;
  }
  if (error.gone) leave();
  if (!error.away) {
    notice(error.message, { bad: true });
    return;
  }
  if (waiting) return;
  const close = notice("The server is away. Your work is kept; trying again.", { bad: true, stay: true });
  waiting = setInterval(async () => {
    if (!await api.isWell()) return;
    clearInterval(waiting);
    waiting = null;
    close();
    notice("The server is back.");
    previews.change(false);
  }, 1000);
}

async function open(candidate) {
  previews.stop();
  try {
    const found = await opening.send(candidate, work.model.max_upload_bytes);
    if (!found) return;
    if (work.photo) api.forgetPhoto(work.photo.id);
    work.file = found.file;
    await show(found, turnToPhoto);
    const [first, ...others] = work.photo.faces;
    if (first.left && !others.length) notice(`The face is left alone: ${first.left}.`, { bad: true, stay: true });
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    notice(error.message, { bad: true });
    if (work.photo) previews.change(false);
  }
}

/** Show a photo, without a request or with that from before a reload. */
async function show({ photo, picture }, turned, { chosen = null, only = false, state = {} } = {}) {
  workOn(photo);
  history.reset();
  turned();
  await stage.show(photo, picture);
  if (work.photo !== photo) return;
  byId("only").checked = only;
  choose(chosen ?? (photo.faces.find((f) => !f.left) ?? photo.faces[0]).number);
  work.only = only;
  stage.fitFace(work.chosen);
  history.commit(state);
}

/** Resume after a reload. */
async function resume() {
  const kept = keptWork();
  if (!kept) return;
  try {
    const photo = await api.getPhoto(kept.id);
    await show({ photo, picture: await api.getPicture(photo.id, screenSide(photo)) }, turn, kept);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (error.gone) forgetWork();
    notice(error.message, { bad: true });
  }
}

/** Return to the start when the photo no longer exists. */
function leave() {
  previews.stop();
  forgetWork();
  work.photo = work.file = work.chosen = null;
  turn();
}

/** Select a face. */
function choose(number) {
  const { photo } = work;
  work.chosen = photo.faces.find((f) => f.number === number);
  overlay.draw(photo.faces, work.chosen, choose);
  age.setNow(work.chosen.age);
  zones.setFace(work.chosen);
  for (const tool of tools) tool.setFace?.(work.chosen);
  byId("faces").hidden = photo.faces.length === 1;
  byId("face-number").textContent = `Face ${number} of ${photo.faces.length}`;
  byId("face-left").textContent = work.chosen.left ? `Left alone: ${work.chosen.left}.` : "";
  if (stage.at.face) stage.fitFace(work.chosen, { keepSplit: true });
  if (work.only) ageOthers();
  keep();
}

/** Select the face `by` numbers further, cyclically. */
function step(by) {
  const count = work.photo.faces.length;
  choose((work.chosen.number - 1 + by + count) % count + 1);
}

/** Change the choice of faces; the others get their original pixels. */
function ageOthers() {
  work.only = byId("only").checked;
  previews.change(false);
  more.show();
  keep();
}

let saving = false;
async function save() {
  if (saving || !work.photo || !asks(history.current)) return;
  const button = byId("save");
  saving = true;
  button.setAttribute("aria-busy", "true"); // not disabled: the keyboard's focus would be lost
  try {
    const wanted = await options();
    const blob = await again(() => api.agePhoto(work.photo.id, wanted));
    download(blob, outputName(work.photo.name));
    notice(`Saved ${outputName(work.photo.name)}.`);
  } catch (error) {
    await trouble(error);
    if (error.away) notice("Nothing was saved: save again when the server is back.", { bad: true });
  } finally {
    saving = false;
    button.removeAttribute("aria-busy");
  }
}

async function saveMap() {
  try {
    download(new Blob([await encodeMap(await currentMap())], { type: "image/png" }), mapName(work.photo.name));
  } catch (error) {
    await trouble(error);
  }
}

async function loadMap(candidate) {
  try {
    const map = await api.readMap(await api.inMemory(candidate));
    history.commit({ paint: paintOfMap(map, await ageField("now"), new Float32Array(map.length)), age: null, zones: {} });
  } catch (error) {
    await trouble(error);
  }
}

async function takeSample(name) {
  try {
    await open(await api.fetchSample(name));
  } catch (error) {
    await trouble(error);
  }
}

async function begin() {
  try {
    work.model = await api.getModel();
  } catch (error) {
    notice(error.message, { bad: true, stay: true, action: { label: "Try again", run: begin } });
    return;
  }
  const { model } = work;
  overlay = new Overlay(stage.overlay, model);
  const bubble = new Bubble(byId("bubble"), stage.root);
  age = new AgeSlider(history, model.age_range);
  zones = new Zones({ history, model, stage, overlay, bubble });
  more = new More({ history, model, faces, photo: () => work.photo, saveMap, loadMap, notice });
  const heat = new Heat({
    history, canvas: stage.pane.querySelector(".heat"), legend: byId("legend"), failed: trouble,
    ageFields: async () => ({ now: await ageField("now"), map: await currentMap() }),
  });
  const brush = new Brush({ history, stage, heat });
  const sweep = new Sweep({ history, stage, model, photo: () => work.photo, failed: trouble, again });
  sweep.restore = () => previews.change(false);
  tools = [brush, sweep, { setFace: (face) => heat.setFace(face, model.face_oval) }];
  setUpTabs((name) => {
    stage.root.dataset.tab = name;
    stage.setAside(name === "brush");
    for (const tool of tools) tool.shown?.(name);
    if (name === "more" && work.photo) more.show();
  });
  history.listen((state, live) => {
    byId("undo").disabled = !history.canUndo;
    byId("redo").disabled = !history.canRedo;
    byId("save").disabled = !asks(state);
    if (!work.chosen) return;
    previews.change(live);
    if (!live) keep();
  });
  setUpFiles(open, notice);
  setUpTheme();
  setUpKeys({ history, stage, save, working: () => document.body.dataset.view === "work", face: () => work.chosen });
  byId("save").addEventListener("click", save);
  byId("only").addEventListener("change", ageOthers);
  byId("face-back").addEventListener("click", () => step(-1));
  byId("face-on").addEventListener("click", () => step(1));
  byId("other").addEventListener("click", () => byId("file").click());
  setUpStart(takeSample);
  await resume();
  turn();
  document.documentElement.dataset.ready = "yes";
}

// For tests: whether work is pending, durations of previews, and the request.
window.amgan = {
  get idle() { return previews.idle; },
  get times() { return times; },
  get state() { return history.current; },
  get photo() { return work.chosen && work.photo; },
};
begin();
