// The overlay of the photo: outlines of faces and highlighted zones.

const SVG = "http://www.w3.org/2000/svg";

export class Overlay {
  constructor(root, model) {
    this.root = root;
    this.model = model;
  }

  /** Draw the faces of a photo and the zones of the chosen one; `pick(number)` is called for others. */
  draw(faces, chosen, pick) {
    this.root.replaceChildren();
    for (const face of faces) {
      const several = faces.length > 1;
      if (several) this.#polygon(face, this.model.face_oval, face === chosen ? "outline chosen" : "outline");
      if (several && face !== chosen) {
        const target = this.#polygon(face, this.model.face_oval, "pick");
        target.addEventListener("pointerdown", (event) => event.preventDefault());
        target.addEventListener("click", () => pick(face.number));
      }
      if (several) {
        const [x0, y0, x1] = face.box;
        const text = document.createElementNS(SVG, "text");
        text.setAttribute("x", (x0 + x1) / 2);
        text.setAttribute("y", y0 - (x1 - x0) * 0.06);
        text.style.setProperty("--size", `${(x1 - x0) * 0.16}px`);
        text.textContent = face.number;
        this.root.append(text);
      }
    }
    for (const zone of this.model.zones) {
      zone.polygons.forEach((polygon, n) => {
        this.#polygon(chosen, polygon, "zone-shape").dataset.part = zone.parts[n];
      });
    }
  }

  /** Highlight the zones of these parts, and no others. */
  light(parts) {
    for (const shape of this.root.querySelectorAll(".zone-shape")) {
      shape.classList.toggle("lit", parts.has(shape.dataset.part));
    }
  }

  #polygon(face, points, name) {
    const shape = document.createElementNS(SVG, "polygon");
    shape.setAttribute("points", points.map((p) => face.landmarks[p].join(",")).join(" "));
    shape.setAttribute("class", name);
    this.root.append(shape);
    return shape;
  }
}

/** A label next to the pointer. */
export class Bubble {
  constructor(root, stage) {
    this.root = root;
    this.stage = stage;
  }

  show(event, label, value) {
    const box = this.stage.getBoundingClientRect();
    const strong = document.createElement("b");
    strong.textContent = value;
    this.root.replaceChildren(`${label[0].toUpperCase()}${label.slice(1)} `, strong);
    this.root.hidden = false;
    const half = this.root.offsetWidth / 2 + 6;
    this.root.style.left = `${Math.min(box.width - half, Math.max(half, event.clientX - box.left))}px`;
    this.root.style.top = `${Math.max(46, event.clientY - box.top)}px`;
  }

  hide() { this.root.hidden = true; }
}
