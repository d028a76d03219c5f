"use strict";
document.addEventListener("input", (event) => {
  const control = event.target;
  if (control.type === "range") {
    control.parentElement.style.setProperty("--split", control.value + "%");
  } else if (control.type === "search") {
    const wanted = control.value.trim().toLowerCase();
    let shown = 0;
    for (const photo of document.querySelectorAll(".photo")) {
      photo.hidden = !photo.dataset.name.includes(wanted);
      shown += photo.hidden ? 0 : 1;
    }
    document.getElementById("shown").textContent = wanted ? shown + " found" : "";
  }
});
for (const control of document.querySelectorAll(".compare input")) {
  control.parentElement.style.setProperty("--split", control.value + "%");
}
