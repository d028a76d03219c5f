// Calls of the server. Every failure is an ApiError whose message is one sentence.

export class ApiError extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }

  /** The server could not be reached. */
  get away() { return this.status === 0; }

  /** The photo is no longer kept: it has to be sent again. */
  get gone() { return this.status === 404; }
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The server cannot be reached.");
  }
  if (response.ok) return response;
  let sentence = `${response.status} ${response.statusText}`;
  try {
    sentence = (await response.json()).detail ?? sentence;
  } catch { /* no problem JSON: the status has to do */ }
  throw new ApiError(response.status, sentence);
}

function asJson(body, signal) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
}

export async function getModel() {
  return (await call("/v1/model")).json();
}

export async function sendPhoto(file) {
  const name = encodeURIComponent(file.name || "photo.png");
  return (await call(`/v1/photos?name=${name}`, { method: "POST", body: file })).json();
}

export async function fetchSample(name) {
  const blob = await (await call(`/samples/${encodeURIComponent(name)}`)).blob();
  return new File([blob], name, { type: blob.type });
}

export function forgetPhoto(id) {
  fetch(`/v1/photos/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

export function pictureUrl(id, maxSide) {
  return `/v1/photos/${id}/picture` + (maxSide ? `?max_side_px=${maxSide}` : "");
}

/** One aged face as {bitmap, box}, or null where nothing changes. */
export async function ageRegion(id, options, region, format, signal) {
  const response = await call(`/v1/photos/${id}/age`, asJson({ ...options, region, format }, signal));
  if (response.status === 204) return null;
  const box = response.headers.get("Amgan-Box").split(" ").map(Number);
  return { bitmap: await createImageBitmap(await response.blob()), box };
}

/** Ask whether the server still has a photo, which counts as using it. */
export async function touchPhoto(id) {
  await call(`/v1/photos/${id}`);
}

/** The whole aged photo, as its file. */
export async function agePhoto(id, options) {
  return (await call(`/v1/photos/${id}/age`, asJson(options))).blob();
}

/** Ages over a face as a Float32Array of side * side years. */
export async function getLevel(id, face, what, age, zones) {
  const query = new URLSearchParams({ face, what, format: "npy" });
  if (age !== null) query.set("age", age);
  for (const [name, years] of Object.entries(zones)) query.append("zone", `${name}=${years}`);
  return readNpy(await (await call(`/v1/photos/${id}/map?${query}`)).arrayBuffer());
}

/** Check a map's file and get its years. */
export async function readMap(file) {
  return readNpy(await (await call("/v1/maps", { method: "POST", body: file })).arrayBuffer());
}

/** Lines of a sweep, one after another as they come. */
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
