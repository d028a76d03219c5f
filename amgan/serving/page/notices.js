// Short notices at the bottom of the page.

const root = document.getElementById("notices");

/** Show a notice; an `action` is {label, run}. Returns a function that removes it. */
export function notice(text, { bad = false, stay = false, action = null } = {}) {
  for (const old of root.children) if (old.dataset.text === text) old.remove();
  const box = document.createElement("div");
  box.className = `notice${bad ? " bad" : ""}`;
  box.dataset.text = text;
  const words = document.createElement("span");
  words.textContent = text;
  const button = document.createElement("button");
  button.textContent = action?.label ?? "Close";
  button.addEventListener("click", () => { box.remove(); action?.run(); });
  box.append(words, button);
  root.append(box);
  while (root.children.length > 3) root.firstElementChild.remove();
  if (!stay) setTimeout(() => box.remove(), bad ? 12000 : 5000);
  return () => box.remove();
}
