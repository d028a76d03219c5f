// Tabs with arrow keys.

/** Scroll to the top of a tab's content: in its own scroller, or under the tabs if the whole panel scrolls. */
function toTheTop() {
  const panel = document.querySelector(".panel");
  const above = panel.querySelector(".age").getBoundingClientRect().bottom - panel.getBoundingClientRect().top;
  panel.scrollTop += Math.min(0, above);
  panel.querySelector(".tab-panels").scrollTop = 0;
}

export function setUpTabs(shown) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const show = (tab, focus) => {
    for (const other of tabs) {
      const on = other === tab;
      other.setAttribute("aria-selected", on);
      other.tabIndex = on ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
    }
    if (focus) tab.focus();
    toTheTop();
    shown(tab.id.replace("tab-", ""));
  };
  for (const [n, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: n + 1, ArrowLeft: n - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(tabs[(to + tabs.length) % tabs.length], true);
    });
  }
  show(tabs[0]);
}
