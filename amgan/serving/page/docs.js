// Shows the OpenAPI description of this server.

const api = await (await fetch("/openapi.json")).json();
const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};
const named = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);
const kind = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(kind).join(" | ");
  if (schema.type === "array") return `${kind(schema.items)}[]`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type ?? "";
};

function table(title, rows) {
  const body = rows.map(([name, type, text]) => make("tr", "", make("td", name), make("td", type), make("td", text)));
  const head = make("th", title);
  head.colSpan = 3;
  return make("table", "", make("tr", "", head), ...body);
}

function fields(title, schema) {
  const found = named(schema);
  if (!found?.properties) return [];
  const rows = Object.entries(found.properties).map(([name, field]) => {
    const standard = field.default === undefined || field.default === null ? "" : ` Default: ${JSON.stringify(field.default)}.`;
    return [name, kind(field), (field.description ?? "") + standard];
  });
  return [table(title, rows)];
}

document.getElementById("summary").textContent = api.info.summary;
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, route] of Object.entries(methods)) {
    const parts = [make("h2", "", make("b", method.toUpperCase()), path), make("p", route.description ?? route.summary)];
    if (route.parameters?.length) {
      parts.push(table("Parameters", route.parameters.map((p) => [p.name, kind(p.schema), p.description ?? p.schema.description ?? ""])));
    }
    for (const [type, content] of Object.entries(route.requestBody?.content ?? {})) parts.push(...fields(`Body, ${type}`, content.schema));
    for (const [status, answer] of Object.entries(route.responses)) {
      for (const [type, content] of Object.entries(answer.content ?? {})) {
        if (status.startsWith("2")) parts.push(...fields(`Answer, ${type}`, content.schema));
      }
    }
    const box = make("section", "", ...parts);
    box.className = "route";
    document.getElementById("routes").append(box);
  }
}
document.documentElement.dataset.ready = "yes";
