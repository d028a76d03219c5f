// Aging maps in the browser: years over the canonical frame of a face, and the file that holds them.

export const SIDE = 128;
const STEPS_PER_YEAR = 256;

/**
 * The requested map: the ages of slider and zones plus the painted years; 0 where the skin does not change.
 * `wanted` is 0 where there is no request.
 */
export function composeMap(now, wanted, paint, [youngest, oldest]) {
  const map = new Float32Array(SIDE * SIDE);
  for (let i = 0; i < map.length; i++) {
    const years = paint ? paint[i] : 0;
    if (Math.abs(years) < 0.05) map[i] = wanted[i];
    else map[i] = Math.min(oldest, Math.max(youngest, (wanted[i] || now[i]) + years));
  }
  return map;
}

/** The paint that turns the ages of slider and zones into a loaded map; both are 0 where there is no request. */
export function paintOfMap(map, now, wanted) {
  const side = Math.sqrt(map.length);
  const paint = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const i = y * SIDE + x;
      const source = Math.floor((y + 0.5) * side / SIDE) * side + Math.floor((x + 0.5) * side / SIDE);
      if (map[source]) paint[i] = map[source] - (wanted[i] || now[i]);
    }
  }
  return paint;
}

/** A map's file: a 16-bit greyscale PNG of years times 256, as a Uint8Array. */
export async function encodeMap(map) {
  const rows = new Uint8Array(SIDE * (1 + 2 * SIDE));
  let at = 0;
  for (let y = 0; y < SIDE; y++) {
    rows[at++] = 0;
    for (let x = 0; x < SIDE; x++) {
      const value = Math.min(65535, Math.round(map[y * SIDE + x] * STEPS_PER_YEAR));
      rows[at++] = value >> 8;
      rows[at++] = value & 255;
    }
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, SIDE);
  view.setUint32(4, SIDE);
  head.set([16, 0, 0, 0, 0], 8);
  const parts = [new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", new Uint8Array())];
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((offset, part) => { file.set(part, offset); return offset + part.length; }, 0);
  return file;
}

export function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function chunk(name, data) {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set([...name].map((c) => c.charCodeAt(0)), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc(out.subarray(4, 8 + data.length)));
  return out;
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
