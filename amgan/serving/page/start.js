// The start of the page: sample photos, formats, and navigation to and from the current photo.

import { work } from "./session.js";

const byId = (id) => document.getElementById(id);
const WORK = "#photo"; // fragment of the address while a photo is open

export function setUpStart(takeSample) {
  for (const place of document.querySelectorAll(".formats")) place.textContent = work.model.formats.join(", ");
  byId("samples").replaceChildren(...work.model.samples.map((name) => {
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
    button.addEventListener("click", () => takeSample(name));
    return button;
  }));
  byId("brand").addEventListener("click", (event) => {
    event.preventDefault();
    goTo("/");
  });
  byId("back").addEventListener("click", () => goTo(WORK));
  window.addEventListener("popstate", turn);
}

/** Show the photo; the browser's back button then leads to the start. */
export function turnToPhoto() {
  if (location.hash === WORK) turn();
  else goTo(WORK);
}

/** Show the start or the photo, depending on the address. */
export function turn() {
  const shown = work.photo !== null && location.hash === WORK;
  document.body.dataset.view = shown ? "work" : "start";
  document.title = shown ? `${work.photo.name} · AMGAN` : "AMGAN: paint the years";
  byId("back").hidden = work.photo === null;
  byId("photo-name").textContent = byId("back-name").textContent = work.photo?.name ?? "";
}

function goTo(address) {
  window.history.pushState(null, "", address);
  turn();
}
