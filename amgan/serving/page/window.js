// Functions of the window: dropped, pasted and chosen files, keys, theme, downloads.

const byId = (id) => document.getElementById(id);

export function setUpFiles(open, notice) {
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) open(file);
  });
  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  window.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    document.body.classList.add("dragging");
  });
  window.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) document.body.classList.remove("dragging");
  });
  // For anything that is dropped, as the browser would otherwise open it instead of the page.
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    depth = 0;
    document.body.classList.remove("dragging");
    event.preventDefault();
    const [file, ...others] = event.dataTransfer.files;
    if (!file) notice("That is no file: save the picture first, then drop it here.", { bad: true });
    else if (others.length) notice(`One photo at a time: this is '${file.name}'.`);
    if (file) open(file);
  });
  window.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (file) open(file);
  });
}

export function setUpTheme() {
  const root = document.documentElement;
  root.dataset.theme = localStorage.getItem("amgan-theme") ?? "";
  byId("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("amgan-theme", root.dataset.theme);
  });
}

export function setUpKeys({ history, stage, save, working, face }) {
  const zoom = {
    "zoom-in": () => stage.zoom(1.4), "zoom-out": () => stage.zoom(1 / 1.4),
    "zoom-fit": () => stage.fit(), "zoom-full": () => stage.full100(face().box), "zoom-face": () => stage.fitFace(face()),
  };
  for (const [id, run] of Object.entries(zoom)) byId(id).addEventListener("click", run);
  byId("undo").addEventListener("click", () => history.undo());
  byId("redo").addEventListener("click", () => history.redo());
  byId("compare").addEventListener("change", (event) => { stage.compare = event.target.value; });
  const keys = { f: "zoom-face", 0: "zoom-fit", 1: "zoom-full", "+": "zoom-in", "=": "zoom-in", "-": "zoom-out" };
  window.addEventListener("keydown", (event) => {
    if (!working()) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      const run = { z: event.shiftKey ? () => history.redo() : () => history.undo(), y: () => history.redo(), s: save }[key];
      if (run) { event.preventDefault(); run(); }
      return;
    }
    if (event.altKey || event.target.matches("input:not([type=range]):not([type=radio]):not([type=checkbox])")) return;
    if (key === "b") stage.showBefore(true);
    else if (keys[key]) zoom[keys[key]]();
  });
  window.addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "b") stage.showBefore(false); });
  window.addEventListener("blur", () => stage.showBefore(false));
  // In the mode "hold" the original is shown while the photo is pressed; a drag still pans.
  stage.pane.addEventListener("pointerdown", () => { if (stage.compare === "hold") stage.showBefore(true); });
  for (const name of ["pointerup", "pointercancel"]) stage.pane.addEventListener(name, () => stage.showBefore(false));
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
