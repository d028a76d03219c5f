// The tab of everything else: strength, the map's file, and the command line.

import { commandLine } from "./command.js";
import { asks } from "./state.js";

export class More {
  constructor({ history, photo, faces, model, saveMap, loadMap, notice }) {
    Object.assign(this, { history, photo, faces, model });
    const root = document.getElementById("panel-more");
    root.innerHTML = `
      <p class="heading">Strength</p>
      <div class="field"><label for="strength" class="soft">How much of the change is applied</label><output for="strength"></output>
        <div class="range"><input id="strength" type="range" min="0" max="1" step="0.05"></div></div>
      <p class="heading">Map</p>
      <p class="soft hint">Ages of every place as a picture that can be edited, and used with <code>amgan age --map</code>.</p>
      <div class="row"><button id="save-map" class="outlined">Save map</button>
        <button id="load-map" class="outlined">Load map</button><input id="map-file" type="file" accept=".png,.npy" hidden></div>
      <p class="heading">Command</p>
      <p class="soft hint" id="command-note"></p>
      <code class="command" id="command" tabindex="0"></code>
      <button id="copy" class="outlined">Copy command</button>
      <p class="heading">Keys</p>
      <p class="soft hint">Hold B for before &middot; F face &middot; 0 whole photo &middot; 1 full size &middot; + and − zoom &middot; Ctrl+Z undo &middot; Ctrl+S save</p>`;
    const find = (id) => root.querySelector(`#${id}`);
    this.strength = find("strength");
    this.output = root.querySelector("output");
    this.command = find("command");
    this.note = find("command-note");
    this.buttons = [find("save-map"), find("copy")];
    this.strength.addEventListener("input", () => history.preview({ strength: Number(this.strength.value) }));
    this.strength.addEventListener("change", () => history.commit({ strength: Number(this.strength.value) }));
    find("save-map").addEventListener("click", saveMap);
    find("load-map").addEventListener("click", () => find("map-file").click());
    find("map-file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      event.target.value = "";
      if (file) loadMap(file);
    });
    find("copy").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.command.textContent);
        notice("Copied.");
      } catch {
        getSelection().selectAllChildren(this.command);
        notice("Marked: press Ctrl+C to copy.");
      }
    });
    history.listen(() => this.show());
  }

  show() {
    const state = this.history.current;
    this.strength.value = state.strength;
    this.output.textContent = `${Math.round(state.strength * 100)} %`;
    const photo = this.photo();
    if (!photo) return;
    for (const button of this.buttons) button.disabled = !asks(state);
    this.command.hidden = !asks(state);
    this.command.textContent = commandLine(photo.name, state, this.faces(), this.model.command_options);
    this.note.textContent = !asks(state) ? "Ask for something first." : state.paint
      ? "Makes the same file, byte for byte, with the map saved beside the photo."
      : "Makes the same file, byte for byte.";
  }
}
