// The panel that shows a new key's secret, once. The secret is in one variable and in one
// element while the panel is open, and in the file that is offered. It is in no storage, no
// address and no history, and it is wiped when the panel closes or the page is left.

import { longDate, longTime } from "./dates.js";
import { $, icon, named } from "./dom.js";

export class SecretPanel {
  #config; #closed;
  #dialog = $("secret");
  #unsaved = $("unsaved");
  #secret = "";
  #file = "";
  #token = null;
  #old = ""; // what becomes of the one before; empty: there is none
  #saved = false; // copied: whether a download arrives, no browser says
  #downloading = "";

  constructor({ config, closed }) {
    this.#config = config;
    this.#closed = closed;
    $("copy").addEventListener("click", () => this.#copy());
    $("download").addEventListener("click", () => this.#download());
    $("done").addEventListener("click", () => this.leave());
    $("secret-value").addEventListener("copy", () => { // by hand
      if (getSelection().toString().includes(this.#secret)) this.#copied();
    });
    $("unsaved-back").addEventListener("click", () => this.#unsaved.close());
    $("unsaved-close").addEventListener("click", () => this.#finish());
    this.#dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.leave(); });
    // Browsers let Escape through in the end, whatever a page says to it. An unsaved
    // secret is then put back before the eyes.
    this.#dialog.addEventListener("close", () => {
      if (!this.held) return;
      this.#dialog.showModal();
      this.leave();
    });
    addEventListener("pagehide", () => this.#wipe());
    addEventListener("beforeunload", (event) => { if (this.held && !this.#saved) event.preventDefault(); });
  }

  /** old: what becomes of the API token before: "end-now", or hours that it works on; nothing for a new key. */
  show({ token, secret, old = "" }) {
    this.#token = token;
    this.#old = old;
    this.#secret = secret;
    this.#saved = false;
    this.#downloading = "";
    $("secret-name").replaceChildren(named(token.name));
    $("secret-expires").textContent = `${longDate(token.expires_on)}, 00:00 UTC`;
    $("secret-old").hidden = !old;
    $("secret-old-until").textContent = this.#until();
    $("secret-value").textContent = secret;
    $("secret-status").textContent = "";
    this.#dialog.showModal();
  }

  /** Until when the API token before works. */
  #until() {
    if (this.#old === "end-now") return "Has ended";
    const hours = Number(this.#old);
    const period = hours === 24 ? "24 hours" : `${hours / 24} days`;
    return this.#old && `Works until ${period} after this one is first used, and at the latest until ${longTime(this.#token.rotation.old_secret_ends_at)}`;
  }

  /** What there is left without the secret. */
  #without() {
    if (!this.#old) return "Without it this API key is of no use.";
    return this.#old === "end-now" ? "The old one has ended: without this one, nothing works." : "Without it you have to replace it again; until then the old one works.";
  }

  /** Whether a secret is shown, which nothing may take away unasked. */
  get held() {
    return this.#secret !== "";
  }

  /** Closes the panel, after a question unless the secret was copied. */
  leave() {
    if (this.#saved) return this.#finish();
    const file = this.#downloading;
    $("unsaved-title").textContent = file ? "Has the download arrived?" : "Close without saving the token?";
    $("unsaved-text").textContent = file
      ? `Your browser may have blocked it. Look for the file ${file} first: the token can’t be shown again. ${this.#without()}`
      : `You have neither copied nor downloaded it, and it can’t be shown again. ${this.#without()}`;
    $("unsaved-close").textContent = file ? "Close, I have the file" : "Close without saving";
    $("unsaved-close").classList.toggle("danger", !file);
    this.#unsaved.close(); // it may lie below the panel, which has been opened again
    this.#unsaved.showModal();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#secret);
      this.#copied();
    } catch {
      getSelection().selectAllChildren($("secret-value"));
      this.#say("Your browser didn’t allow copying. The token is selected: copy it with your keyboard, or download it.");
    }
  }

  #copied() {
    this.#saved = true;
    this.#say("API token copied to the clipboard.", icon("check"));
  }

  #download() {
    URL.revokeObjectURL(this.#file);
    this.#file = URL.createObjectURL(new Blob([this.#text()], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = this.#file;
    this.#downloading = `${this.#token.name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "") || "api-token"}.txt`;
    link.download = this.#downloading;
    link.click();
    this.#say(`Download started: ${this.#downloading}. See that it arrives before you close.`);
  }

  #text() {
    return `${this.#config.company} API token

Key name:  ${this.#token.name}
API token: ${this.#secret}
Expires:   ${longDate(this.#token.expires_on)} (UTC). It stops working at 00:00 UTC on that day.

How to use it
Send it in the Authorization header of each request:

  curl -H "Authorization: Bearer ${this.#secret}" ${location.origin}/v1/whoami

Treat it as a password: whoever has it can call the API in your name. Keep it in a
secret manager and delete this file. If somebody else may have seen it, revoke the key:
${location.origin}/#/tokens/${this.#token.id}
`;
  }

  #say(text, ...mark) {
    $("secret-status").replaceChildren();
    setTimeout(() => $("secret-status").replaceChildren(...mark, text), 50); // so that the same words are spoken twice
  }

  #finish() {
    const [token, old] = [this.#token, this.#old];
    this.#wipe();
    this.#closed(token, old);
  }

  #wipe() {
    this.#secret = "";
    URL.revokeObjectURL(this.#file);
    $("secret-value").textContent = "";
    this.#unsaved.close();
    this.#dialog.close();
  }
}
