// The tab of the other options: strength, lines, pattern, hair, shape, features and neck, the map's file, and the command line.

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
      <div class="field"><label for="lines" class="soft">How strong new lines are</label><output for="lines"></output>
        <div class="range"><input id="lines" type="range" min="0" max="1.5" step="0.05"></div></div>
      <div class="field" id="pattern-field"><label for="pattern" class="soft">Pattern of lines and folds</label><select id="pattern"></select></div>
      <label class="check"><input type="checkbox" id="hair"><span>Grey the hair of a face that gets older, colour grey hair of a younger one</span></label>
      <label class="check"><input type="checkbox" id="shape"><span>Let the face’s shape change with its age</span></label>
      <label class="check"><input type="checkbox" id="features"><span>Let eyes, lips and teeth change with age</span></label>
      <label class="check"><input type="checkbox" id="neck"><span>Age the neck of a face that gets older</span></label>
      <p class="heading">Map</p>
      <p class="soft hint">Ages of every position as a picture that can be edited, and used with <code>amgan age --map</code>.</p>
      <div class="row"><button id="save-map" class="outlined">Save map</button>
        <button id="load-map" class="outlined">Load map</button><input id="map-file" type="file" accept=".png,.npy" hidden></div>
      <p class="heading">Command</p>
      <p class="soft hint" id="command-note"></p>
      <code class="command" id="command" tabindex="0"></code>
      <button id="copy" class="outlined">Copy command</button>
      <p class="heading keys">Keys</p>
      <p class="soft hint keys">Hold B for before &middot; F face &middot; 0 whole photo &middot; 1 full size &middot; + and − zoom &middot; Ctrl+Z undo &middot; Ctrl+S save</p>`;
    const find = (id) => root.querySelector(`#${id}`);
    this.ranges = ["strength", "lines"].map(find);
    this.outputs = [...root.querySelectorAll("output")];
    [this.pattern, this.hair, this.shape, this.features, this.neck] = ["pattern", "hair", "shape", "features", "neck"].map(find);
    find("pattern-field").hidden = model.patterns < 2;
    this.pattern.append(new Option("by the face", ""));
    for (let n = 1; n <= model.patterns; n++) this.pattern.append(new Option(String(n), n));
    this.command = find("command");
    this.note = find("command-note");
    this.buttons = [find("save-map"), find("copy")];
    for (const range of this.ranges) {
      range.addEventListener("input", () => history.preview({ [range.id]: Number(range.value) }));
      range.addEventListener("change", () => history.commit({ [range.id]: Number(range.value) }));
    }
    this.pattern.addEventListener("change", () => history.commit({ pattern: Number(this.pattern.value) || null }));
    for (const box of [this.hair, this.shape, this.features, this.neck]) box.addEventListener("change", () => history.commit({ [box.id]: box.checked }));
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
    this.ranges.forEach((range, n) => {
      range.value = state[range.id];
      this.outputs[n].textContent = `${Math.round(state[range.id] * 100)} %`;
    });
    this.pattern.value = state.pattern ?? "";
    this.hair.checked = state.hair;
    this.shape.checked = state.shape;
    this.features.checked = state.features;
    this.neck.checked = state.neck;
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
