// Starts the page: settings, session, then the view that fits who is here.

import { API, Problem } from "./api.js";
import { CreatePanel } from "./create.js";
import { DetailPanel } from "./detail.js";
import { $, announce, busy, closable, showView, waiting } from "./dom.js";
import { List } from "./list.js";
import { RevokeDialog } from "./revoke.js";
import { SecretPanel } from "./secret.js";
import { Session, SessionEnded } from "./session.js";

async function start() {
  const config = await (await fetch("/assets/config.json", { credentials: "omit" })).json();
  $("company").textContent = config.company;
  document.title = `API keys – ${config.company}`;

  const session = new Session(config);
  let note = "";
  try {
    await session.start();
  } catch {
    note = "Signing in didn’t work. Try again.";
  }
  if (!session.person) return showSignedOut(session, note);
  showPerson(session);
  if (!session.person.allowed) return showView("no-role");
  return showKeys(config, session);
}

function showSignedOut(session, note) {
  $("signed-out-note").hidden = !note;
  $("signed-out-note").textContent = note;
  $("sign-in").addEventListener("click", () => busy($("sign-in"), () => session.signIn().catch(showFailure)));
  showView("signed-out");
}

function showPerson(session) {
  const { email, organization, role } = session.person;
  $("person").hidden = false;
  $("person-email").textContent = email;
  $("person-role").textContent = [role, organization].filter(Boolean).join(" · ");
  $("no-role-email").textContent = $("unverified-email").textContent = email || "this account";
  $("no-role-organization").textContent = organization ? ` in ${organization}` : "";
  $("sign-out").addEventListener("click", () => busy($("sign-out"), () => session.signOut()));
}

async function showKeys(config, session) {
  const api = new API(session);
  const person = session.person;

  // Handles what no part can handle at its place, and answers whether it did. The server
  // decides what a person may do; the claims only spared a question.
  const handled = (error) => {
    if (error instanceof SessionEnded) {
      $("session-ended").showModal();
      return true;
    }
    if (!(error instanceof Problem)) throw error;
    const view = { forbidden: "no-role", email_not_verified: "unverified" }[error.code];
    if (!view) return false;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    $("no-role-why").textContent = error.message;
    showView(view);
    return true;
  };

  const revoke = new RevokeDialog({ api, handled, revoked: (token) => { list.update(token); detail.update(token); } });
  const list = new List({ api, handled, person, revoke });
  const detail = new DetailPanel({ api, handled, list, person, revoke });
  const secret = new SecretPanel({
    config,
    closed: async (token) => {
      await list.showNew(token);
      announce(`API key ${token.name} added`);
    },
  });
  const create = new CreatePanel({ api, handled, config, person, created: (answer) => secret.show(answer), uncertain: () => list.load() });

  closable($("session-ended"));
  $("session-sign-in").addEventListener("click", () => busy($("session-sign-in"), async () => {
    create.keepDraft();
    await session.signIn().catch(showFailure);
  }));

  // Places: #/ the list, #/new the form, #/tokens/<id> one key.
  const route = ({ oldURL } = {}) => {
    const place = location.hash;
    if (place === "#main") return; // the skip link's
    if (waiting()) return history.replaceState(null, "", oldURL);
    if (secret.held) {
      history.replaceState(null, "", "#/");
      return secret.leave();
    }
    const [, id] = place.match(/^#\/tokens\/(.+)$/) ?? [];
    revoke.close();
    if (!id) detail.close();
    if (place !== "#/new") create.close();
    if (id) detail.open(id);
    else if (place === "#/new") create.open();
    else if (place) history.replaceState(null, "", "#/");
  };
  addEventListener("hashchange", route);

  showView("keys");
  route();
  await list.load();
}

function showFailure() {
  $("failed-text").textContent = "A part of it can’t be reached. Check your connection and try again.";
  $("start-again").addEventListener("click", () => location.reload());
  showView("failed");
}

start().catch(showFailure);
