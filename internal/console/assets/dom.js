// Small helpers around the DOM. Text always goes in as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** Makes an element: h("td", { class: "status" }, "Active"). Empty children are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Makes an icon of the page's sprite. It is decoration: words stand beside it. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** Shows one view of the page and hides the others. */
export function showView(name) {
  for (const view of document.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== name;
}

/** Says something to people who can't see the page change. An open dialog silences the page behind it. */
export function announce(text) {
  const live = document.querySelector("dialog[open] [data-live]") ?? document.querySelector("main [data-live]");
  live.textContent = "";
  // A live region speaks when it changes; the same words twice need an empty moment.
  setTimeout(() => { live.textContent = text; }, 50);
}

/** Shows an error with its icon, or hides the place for it. */
export function showError(place, text) {
  place.hidden = !text;
  place.replaceChildren(...(text ? [icon("error"), h("p", {}, text)] : []));
}

/** Marks a button as busy while work runs. It keeps its focus, and takes no second press. */
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Wires the buttons that close a dialog. */
export function closeByButtons(dialog) {
  for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());
}
