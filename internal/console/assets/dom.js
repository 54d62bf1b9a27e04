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

/**
 * Text of people's own, such as a key's name: whatever direction it is written in and
 * whatever marks it stacks, it stays in its place.
 */
export const named = (text) => h("bdi", { class: "named" }, text);

/** An e-mail address, which breaks between its words. */
export const address = (text) => h("bdi", { class: "address", translate: "no" },
  ...text.split(/(?=[@.+_])/).flatMap((word, i) => (i === 0 ? [word] : [h("wbr"), word])));

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

/** Sets a text that is spoken when it changes, and only then. */
export function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Shows one view of the page and hides the others. Where it takes another's place, it takes the focus. */
export function showView(name) {
  const before = document.querySelector("[data-view]:not([hidden])").dataset.view;
  for (const view of document.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== name;
  if (before === "starting") return;
  announce("");
  document.querySelector("[data-view]:not([hidden]) h1").focus();
}

let speaking;

/** Says something to people who can't see the page change. An open dialog silences the page behind it. */
export function announce(text) {
  const live = document.querySelector("dialog[open] [data-live]") ?? document.querySelector("main [data-live]");
  live.textContent = "";
  clearTimeout(speaking);
  // A live region speaks when it changes; the same words twice need an empty moment.
  speaking = setTimeout(() => { live.textContent = text; }, 50);
}

/** Says what happened in the page itself, unless a dialog has people's attention. */
export function announceBehind(text) {
  if (!document.querySelector("dialog[open]")) announce(text);
}

/** Shows an error with its icon, in sight, or hides the place for it. */
export function showError(place, text) {
  place.hidden = !text;
  place.replaceChildren(...(text ? [icon("error"), h("p", {}, text)] : []));
  place.scrollIntoView({ block: "nearest" });
}

/**
 * Marks a button as busy while work runs. It keeps its focus, and takes no second press.
 * A dialog around it stays open until the outcome can be shown in it.
 */
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  const label = [...button.childNodes];
  const dialog = button.closest("dialog");
  const closers = dialog?.querySelectorAll("[data-close]") ?? [];
  button.setAttribute("aria-disabled", "true");
  if (button.dataset.busy) button.replaceChildren(button.dataset.busy);
  dialog?.setAttribute("closedby", "none");
  for (const closer of closers) closer.disabled = true;
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
    button.replaceChildren(...label);
    dialog?.removeAttribute("closedby");
    for (const closer of closers) closer.disabled = false;
  }
}

/** Whether a dialog waits for an outcome. */
export const waiting = () => document.querySelector("dialog[closedby=none]") !== null;

/** Wires the ways to close a dialog. leave is what its own buttons do. */
export function closable(dialog, leave = () => dialog.close()) {
  for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", leave);
  // Browsers that know closedby don't ask.
  dialog.addEventListener("cancel", (event) => { if (dialog.hasAttribute("closedby")) event.preventDefault(); });
}
