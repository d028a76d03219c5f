// Puts the page together.

import { AgeSlider } from "./age.js";
import * as api from "./api.js";
import { mapName, outputName } from "./command.js";
import { composeMap, encodeMap, paintOfMap, toBase64 } from "./maps.js";
import { Brush } from "./brush.js";
import { Heat } from "./heat.js";
import { More } from "./more.js";
import { notice } from "./notices.js";
import { Bubble, Overlay } from "./overlay.js";
import { Previews } from "./previews.js";
import { Stage } from "./stage.js";
import { asks, History, manner } from "./state.js";
import { Sweep } from "./sweep.js";
import { setUpTabs } from "./tabs.js";
import { Zones } from "./zones.js";
import { download, setUpFiles, setUpKeys, setUpTheme } from "./window.js";

const byId = (id) => document.getElementById(id);
const history = new History();
const stage = new Stage(byId("stage"), api.pictureUrl);
const times = []; // of previews, in ms
let model, photo = null, file = null, chosen = null, levels = {}, opening = 0;
let age, zones, overlay, more, tools = [];

/** Which faces are aged, as `amgan age` takes it: "all", or "#2" for the second largest alone. */
function faces() {
  return photo.faces.length > 1 && byId("only").checked ? `#${chosen.number}` : "all";
}

/** The request of now, as the server takes it; null where nothing is asked. */
async function options() {
  const state = history.current;
  if (!asks(state)) return null;
  const common = { ...manner(state), faces: faces() };
  if (!state.paint) return { ...common, age: state.age, zones: state.zones };
  return { ...common, map: toBase64(await encodeMap(await currentMap())) };
}

/** The map of now over the chosen face, in years. */
async function currentMap() {
  const state = history.current;
  return composeMap(await level("now"), await level("wanted"), state.paint, model.age_range);
}

/** Ages of the chosen face before paint: "now", or "wanted" by age and zones. */
async function level(what) {
  const { age: years, zones: named } = what === "wanted" ? history.current : { age: null, zones: {} };
  const key = JSON.stringify([chosen.number, what, years, named]);
  if (levels[what]?.key !== key) {
    levels[what] = { key, years: await again(() => api.getLevel(photo.id, chosen.number, what, years, named)) };
  }
  return levels[what].years;
}

const previews = new Previews({
  stage,
  options,
  times,
  photo: () => photo,
  faces: (live) => (live || faces() !== "all" ? [chosen.number] : photo.faces.filter((f) => !f.left).map((f) => f.number)),
  failed: trouble,
});

/** Do something with the photo; where the server no longer has it, send it again first. */
async function again(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof api.ApiError) || !error.gone) throw error;
    photo = { ...(await api.sendPhoto(file)), faces: photo.faces };
    return action();
  }
}

let waiting = null;
async function trouble(error) {
  if (!(error instanceof api.ApiError)) throw error;
  if (error.gone) {
    await again(() => Promise.reject(new api.ApiError(404, error.message))).catch(() => {});
    previews.change(false);
    return;
  }
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
  const mine = ++opening;
  previews.stop();
  if (candidate.size > model.max_upload_bytes) {
    notice(`'${candidate.name}' is larger than the ${Math.round(model.max_upload_bytes / 2 ** 20)} MiB that this server takes.`, { bad: true });
    return;
  }
  byId("drop").classList.add("busy");
  byId("busy").hidden = false;
  try {
    const found = await api.sendPhoto(candidate);
    if (mine !== opening) return;
    if (photo) api.forgetPhoto(photo.id);
    [photo, file, levels] = [found, candidate, {}];
    byId("only").checked = false;
    document.body.dataset.view = "work";
    byId("photo-name").textContent = found.name;
    document.title = `${found.name} · AMGAN`;
    await stage.show(photo);
    choose((photo.faces.find((f) => !f.left) ?? photo.faces[0]).number);
    history.reset();
    stage.fitFace(chosen);
    for (const { left } of photo.faces) if (left && photo.faces.length === 1) notice(`The face is left alone: ${left}.`, { bad: true, stay: true });
  } catch (error) {
    if (error instanceof api.ApiError) notice(error.message, { bad: true });
    else throw error;
  } finally {
    byId("drop").classList.remove("busy");
    byId("busy").hidden = true;
  }
}

/** Work on a face. */
function choose(number) {
  chosen = photo.faces.find((f) => f.number === number);
  overlay.draw(photo.faces, chosen, choose);
  age.setNow(chosen.age);
  zones.setFace(chosen);
  for (const tool of tools) tool.setFace?.(chosen);
  const box = byId("faces");
  box.hidden = photo.faces.length === 1;
  byId("face-number").textContent = `Face ${number} of ${photo.faces.length}. Choose another on the photo.`;
  if (byId("only").checked) ageOthers();
}

/** Another choice of faces: those that are no longer meant are as they were. */
function ageOthers() {
  previews.change(false);
  more.show();
}

async function save() {
  if (!photo || !asks(history.current)) return;
  const button = byId("save");
  button.disabled = true;
  button.textContent = "Saving…";
  try {
    const wanted = await options();
    const blob = await again(() => api.agePhoto(photo.id, wanted));
    download(blob, outputName(photo.name));
    notice(`Saved ${outputName(photo.name)}.`);
  } catch (error) {
    await trouble(error);
  }
  button.textContent = "Save photo";
  button.disabled = false;
}

async function saveMap() {
  try {
    download(new Blob([await encodeMap(await currentMap())], { type: "image/png" }), mapName(photo.name));
  } catch (error) {
    await trouble(error);
  }
}

async function loadMap(candidate) {
  try {
    const map = await api.readMap(candidate);
    history.commit({ paint: paintOfMap(map, await level("now"), new Float32Array(map.length)), age: null, zones: {} });
  } catch (error) {
    await trouble(error);
  }
}

function showSamples() {
  byId("samples").replaceChildren(...model.samples.map((name) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = `/samples/${encodeURIComponent(name)}`;
    image.alt = "";
    const title = name.replace(/\.\w+$/, "").split("_").map((w) => w[0].toUpperCase() + w.slice(1)).join(" ");
    const text = document.createElement("span");
    const small = document.createElement("small");
    small.textContent = "Sample";
    text.append(title, small);
    button.append(image, text);
    button.addEventListener("click", async () => {
      try { await open(await api.fetchSample(name)); } catch (error) { await trouble(error); }
    });
    return button;
  }));
}

async function begin() {
  try {
    model = await api.getModel();
  } catch (error) {
    notice(error.message, { bad: true, stay: true, action: { label: "Try again", run: begin } });
    return;
  }
  overlay = new Overlay(stage.overlay, model);
  const bubble = new Bubble(byId("bubble"), stage.root);
  age = new AgeSlider(history, model.age_range);
  zones = new Zones({ history, model, stage, overlay, bubble });
  more = new More({ history, model, faces: () => faces(), photo: () => photo, saveMap, loadMap, notice });
  const heat = new Heat({
    history, canvas: stage.pane.querySelector(".heat"), legend: byId("legend"), failed: trouble,
    levels: async () => ({ now: await level("now"), map: await currentMap() }),
  });
  const brush = new Brush({ history, stage, heat });
  const sweep = new Sweep({ history, stage, model, photo: () => photo, failed: trouble, again });
  sweep.restore = () => previews.change(false);
  tools = [brush, sweep, { setFace: (face) => heat.setFace(face, model.face_oval) }];
  setUpTabs((name) => {
    stage.root.dataset.tab = name;
    stage.setAside(name === "brush");
    for (const tool of tools) tool.shown?.(name);
    if (name === "more" && photo) more.show();
  });
  history.listen((state, live) => {
    byId("undo").disabled = !history.canUndo;
    byId("redo").disabled = !history.canRedo;
    byId("save").disabled = !asks(state);
    if (photo && chosen) previews.change(live);
  });
  setUpFiles(open);
  setUpTheme();
  setUpKeys({ history, stage, save, working: () => photo !== null, face: () => chosen });
  byId("save").addEventListener("click", save);
  byId("only").addEventListener("change", ageOthers);
  byId("other").addEventListener("click", () => byId("file").click());
  showSamples();
  document.documentElement.dataset.ready = "yes";
}

// What tests look at: whether anything is still to come, how long previews took, and what is asked.
window.amgan = {
  get idle() { return previews.idle; },
  get times() { return times; },
  get state() { return history.current; },
  get photo() { return photo; },
};
begin();
