// The command line with the same result.

export function commandLine(photoName, state, faces, modelOptions) {
  const words = ["amgan", "age", quote(photoName), "-o", quote(outputName(photoName))];
  if (state.paint) words.push("--map", quote(mapName(photoName)));
  else {
    if (state.age !== null) words.push("--age", String(state.age));
    for (const [zone, years] of Object.entries(state.zones)) words.push("--zone", `${zone}=${years}`);
  }
  if (state.strength !== 1) words.push("--strength", String(state.strength));
  if (state.pattern !== null) words.push("--pattern", String(state.pattern));
  if (state.lines !== 1) words.push("--lines", String(state.lines));
  if (!state.hair) words.push("--no-hair");
  if (!state.shape) words.push("--no-shape");
  if (!state.features) words.push("--no-features");
  if (!state.neck) words.push("--no-neck");
  if (faces !== "all") words.push("--face", faces.slice(1));
  return [...words, ...modelOptions.map(quote)].join(" ");
}

export function outputName(name) {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? `${name.slice(0, dot)}_aged${name.slice(dot)}` : `${name}_aged`;
}

export function mapName(name) {
  const dot = name.lastIndexOf(".");
  return `${dot > 0 ? name.slice(0, dot) : name}_map.png`;
}

function quote(word) {
  if (/^[\w@%+=:,./-]+$/.test(word) && !word.startsWith("-")) return word;
  if (word.startsWith("--")) return word;
  const plain = word.startsWith("-") ? `./${word}` : word;
  return `'${plain.replaceAll("'", "'\\''")}'`;
}
