// Calls of the server. Every failure is an ApiError whose message is one sentence.

export class ApiError extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }

  /** Whether the server could not be reached. */
  get away() { return this.status === 0; }

  /** Whether the server no longer has the photo, so that it must be sent again. */
  get gone() { return this.status === 404; }
}

const AWAY = "The server cannot be reached.";

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, AWAY);
  }
  if (response.ok) return response;
  let sentence = `${response.status} ${response.statusText}`;
  try {
    sentence = (await response.json()).detail ?? sentence;
  } catch { /* no problem JSON: use the status */ }
  throw new ApiError(response.status, sentence);
}

function asJson(body, signal) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
}

export async function getModel() {
  return (await call("/v1/model")).json();
}

/**
 * Send a photo; `sent(share)` is called with the progress, 0 to 1. Uses XMLHttpRequest, as fetch reports no progress.
 */
export function sendPhoto(file, { sent = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/photos?name=${encodeURIComponent(file.name || "photo.png")}`);
    request.upload.addEventListener("progress", ({ loaded, total }) => sent(total ? loaded / total : 1));
    request.upload.addEventListener("load", () => sent(1));
    request.addEventListener("load", () => {
      const answer = parsed(request.responseText);
      if (request.status === 201 && answer) resolve(answer);
      else reject(new ApiError(request.status, answer?.detail ?? `${request.status} ${request.statusText}`));
    });
    request.addEventListener("error", () => reject(new ApiError(0, AWAY)));
    request.addEventListener("abort", () => reject(new DOMException("another photo", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Read a file into memory, as it may change or be deleted before it is sent again. */
export async function inMemory(file) {
  if (!file.size) throw new ApiError(400, `'${file.name}' is empty: choose another file.`);
  try {
    return new File([await file.arrayBuffer()], file.name, { type: file.type });
  } catch {
    throw new ApiError(400, `'${file.name}' cannot be read: choose the file itself, not a folder or a shortcut.`);
  }
}

export async function fetchSample(name) {
  const blob = await (await call(`/samples/${encodeURIComponent(name)}`)).blob();
  return new File([blob], name, { type: blob.type });
}

export function forgetPhoto(id) {
  fetch(`/v1/photos/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** The photo for the screen, as the URL of a blob; in full resolution if `maxSide` is null. */
export async function getPicture(id, maxSide, signal) {
  const side = maxSide ? `?max_side_px=${maxSide}` : "";
  return URL.createObjectURL(await (await call(`/v1/photos/${id}/picture${side}`, { signal })).blob());
}

/** One aged face as {bitmap, box}, or null if nothing changes. */
export async function ageRegion(id, options, region, format, signal) {
  const response = await call(`/v1/photos/${id}/age`, asJson({ ...options, region, format }, signal));
  if (response.status === 204) return null;
  const box = response.headers.get("Amgan-Box").split(" ").map(Number);
  return { bitmap: await createImageBitmap(await response.blob()), box };
}

/** The server's description of a photo; the request renews its lifetime. */
export async function getPhoto(id) {
  return (await call(`/v1/photos/${id}`)).json();
}

/** The file of the whole aged photo. */
export async function agePhoto(id, options) {
  return (await call(`/v1/photos/${id}/age`, asJson(options))).blob();
}

/** Ages over a face as a Float32Array of side * side years. */
export async function getAgeField(id, face, what, age, zones) {
  const query = new URLSearchParams({ face, what, format: "npy" });
  if (age !== null) query.set("age", age);
  for (const [name, years] of Object.entries(zones)) query.append("zone", `${name}=${years}`);
  return readNpy(await (await call(`/v1/photos/${id}/map?${query}`)).arrayBuffer());
}

/** Validate the file of a map and get its years. */
export async function readMap(file) {
  return readNpy(await (await call("/v1/maps", { method: "POST", body: file })).arrayBuffer());
}

/** Yield the lines of a sweep as they arrive. */
export async function* sweep(id, options, signal) {
  const response = await call(`/v1/photos/${id}/sweep`, asJson(options, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const found = JSON.parse(line);
      if (found.error) throw new ApiError(500, found.error);
      yield found;
    }
  }
}

export async function isWell() {
  try {
    return (await fetch("/healthz")).ok;
  } catch {
    return false;
  }
}

function readNpy(buffer) {
  const view = new DataView(buffer);
  const header = view.getUint8(6) === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  return new Float32Array(buffer.slice(header));
}
