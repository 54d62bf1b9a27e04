// Stands in the document itself, so that it runs where nothing else loads, and says so.

const LATE_MS = 30_000;

const place = (name) => document.querySelector(`[data-view=${name}]`);

// Whatever goes wrong later has a place of its own.
const fail = () => {
  if (place("starting").hidden) return;
  place("starting").hidden = true;
  place("failed").hidden = false;
};

place("starting").hidden = false;
addEventListener("error", ({ target }) => {
  if (target.tagName !== "LINK") fail(); // without its style the page still works
}, true);
setTimeout(fail, LATE_MS); // a script that comes after all starts the page
document.getElementById("start-again").addEventListener("click", async () => {
  // What is broken may have been kept as what never changes: have it anew.
  await Promise.allSettled([...document.querySelectorAll("script[src]")].map(({ src }) => fetch(src, { cache: "reload" })));
  location.reload();
});
