// Starts the page: settings, session, then the view that fits who is here.

import { API, Problem } from "./api.js";
import { CreatePanel } from "./create.js";
import { DetailPanel } from "./detail.js";
import { $, announce, busy, showView } from "./dom.js";
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
    await session.token();
  } catch (error) {
    if (!(error instanceof SessionEnded)) note = "Signing in didn’t work. Try again.";
    else if (session.person) note = "Your session has ended. Sign in to go on.";
  }
  if (note || !session.person) return showSignedOut(session, note);
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

  // What no part can handle at its place comes here. The server decides what a person
  // may do; the claims only spared a question.
  const fail = (error) => {
    if (error instanceof SessionEnded) return $("session-ended").showModal();
    if (error instanceof Problem && error.status === 403) {
      for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
      return showView(error.code === "email_not_verified" ? "unverified" : "no-role");
    }
    throw error;
  };

  const revoke = new RevokeDialog({ api, fail, revoked: (token) => { list.update(token); detail.update(token); } });
  const list = new List({ api, fail, person, revoke });
  const detail = new DetailPanel({ api, fail, person, revoke, known: (id) => list.find(id) });
  const secret = new SecretPanel({
    config,
    closed: async (token) => {
      await list.showNew(token);
      announce(`API key ${token.name} added`);
    },
  });
  const create = new CreatePanel({ api, fail, config, created: (answer) => secret.show(answer) });

  $("session-later").addEventListener("click", () => $("session-ended").close());
  $("session-sign-in").addEventListener("click", () => busy($("session-sign-in"), async () => {
    create.keepDraft();
    await session.signIn().catch(showFailure);
  }));

  // Places: #/ the list, #/new the form, #/tokens/<id> one key.
  const route = () => {
    if (location.hash === "#/new") create.open();
    else create.close();
    const [, id] = location.hash.match(/^#\/tokens\/(\w+)$/) ?? [];
    if (id) detail.open(id);
    else detail.close();
  };
  addEventListener("hashchange", () => { if (location.hash !== "#main") route(); });

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
