// Starts the page: session, then the view that fits who is here.

import { API, Problem } from "./api.js";
import { CreatePanel } from "./create.js";
import { DetailPanel } from "./detail.js";
import { $, address, announce, busy, closable, showError, showView, waiting } from "./dom.js";
import { LeaveDialog } from "./leave.js";
import { List } from "./list.js";
import { ReplacePanel } from "./replace.js";
import { RevokeDialog } from "./revoke.js";
import { TakeBackDialog } from "./rotation.js";
import { SecretPanel } from "./secret.js";
import { place } from "./secrets.js";
import { Session, SessionEnded } from "./session.js";

const ROLES = { "org-admin": "Organization admin", "api-token-manager": "API Token Manager" };

async function start() {
  const config = JSON.parse($("settings").textContent);
  for (const link of document.querySelectorAll("[data-skip]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault(); // the address says where in the page somebody is
      $(link.dataset.skip).focus();
    });
  }

  const session = new Session(config);
  let note = "";
  try {
    await session.start();
  } catch {
    note = "Signing in didn’t work. Try again.";
  }
  if (!session.signedIn) return showSignedOut(session, note);
  showAccount(session);
  return showKeys(config, session);
}

function showSignedOut(session, note) {
  $("signed-out-note").hidden = !note;
  $("signed-out-note").textContent = note;
  $("sign-in").addEventListener("click", () => busy($("sign-in"), () => session.signIn().catch(showFailure)));
  showView("signed-out");
}

/** Shows which account this is, before the API has said who that is. */
function showAccount(session) {
  const { email } = session;
  $("person").hidden = false;
  $("person-email").replaceChildren(address(email));
  $("no-role-email").replaceChildren(email ? address(email) : "an account without an address");
  $("sign-out").addEventListener("click", () => busy($("sign-out"), () => session.signOut()));
  $("no-role-other").addEventListener("click", () => busy($("no-role-other"), () => session.changeAccount().catch(showFailure)));
}

/** Shows what the API says of the person: who it is, and what the page offers them. */
function showPerson({ email, org_id: organization, role, can_issue: canIssue, email_verified: verified, sees_everyone: seesEveryone, undeliverable }) {
  if (email) $("person-email").replaceChildren(address(email));
  $("person-role").textContent = [ROLES[role] ?? role, organization].filter(Boolean).join(" · ");
  $("filter-owner").hidden = !seesEveryone;
  $("add").hidden = $("add-first").hidden = !canIssue;
  $("cannot-add").hidden = canIssue;
  const because = !role ? "role" : !verified ? "address" : "unusable"; // what can_issue asks for, in turn
  for (const reason of document.querySelectorAll("[data-because]")) reason.hidden = reason.dataset.because !== because;
  $("unreachable").hidden = !undeliverable;
  for (const own of document.querySelectorAll("[data-own-address]")) own.replaceChildren(email ? address(email) : "your address");
}

async function showKeys(config, session) {
  const api = new API(session);
  let person = null; // until the API has said who it is

  // Handles what no part can handle at its place, and answers whether it did.
  const handled = (error) => {
    if (error instanceof SessionEnded) {
      if (!$("session-ended").open) $("session-ended").showModal();
      return true;
    }
    if (!(error instanceof Problem)) throw error;
    return false;
  };

  const learned = (answer) => {
    const first = person === null;
    person = answer;
    showPerson(person);
    if (!first) return;
    detail.offer();
    if (isForm(place())) route(); // the form has waited for it
  };

  const refused = ({ message }) => {
    for (const part of [revoke, takeBack, leave, replace, create, detail]) part.close();
    list.closeDialogs();
    $("no-role-why").textContent = message;
    showView("no-role");
    return null;
  };

  const revoke = new RevokeDialog({ api, handled, revoked: (token) => { list.update(token); detail.update(token); } });
  const list = new List({ api, handled, me: session.id, revoke, learned, refused });
  const takeBack = new TakeBackDialog({ api, handled, takenBack: (token) => { list.update(token); detail.update(token); } });
  const leave = new LeaveDialog({
    api, handled,
    changed: async (text, ended = []) => {
      list.markRevoked(ended);
      await Promise.all([list.load(), detail.ownerChanged()]);
      if (text) announce(text);
    },
  });
  const detail = new DetailPanel({
    api, handled, config, list, session, revoke, takeBack, leave,
    canIssue: () => person?.can_issue ?? false, isAdmin: () => person?.sees_everyone ?? false,
  });
  const secret = new SecretPanel({
    config,
    closed: async (token, old) => {
      if (!old) {
        await list.showNew(token);
        return announce(`API key ${token.name} added`);
      }
      detail.update(token);
      announce(`API token of ${token.name} replaced`);
    },
  });
  const replace = new ReplacePanel({
    api, handled,
    replaced: (answer) => {
      list.update(answer.token);
      secret.show(answer);
    },
    changed: (id) => detail.refresh(id),
    closed: (id) => { if (isReplace(location.hash)) history.replaceState(null, "", `#/tokens/${id}`); },
  });
  const create = new CreatePanel({ api, handled, config, me: session.id, created: (answer) => secret.show(answer), changed: () => list.load() });

  closable($("session-ended"));
  $("session-sign-in").addEventListener("click", () => busy($("session-sign-in"), async () => {
    showError($("session-error"), "");
    create.keepDraft();
    try {
      await session.signIn();
    } catch (error) {
      create.dropDraft();
      showError($("session-error"), error.message);
    }
  }));
  $("resume").addEventListener("click", () => busy($("resume"), async () => {
    showError($("resume-error"), "");
    try {
      learned((await api.resumeNotices()).person);
    } catch (error) {
      if (!handled(error)) showError($("resume-error"), error.message);
      return;
    }
    if (person.undeliverable) return;
    announce(`Notices will be sent to ${person.email} again`);
    $("keys-title").focus(); // the button is gone
  }));

  // Places: #/ the list, #/new the form, also filled in from a key (#/new?from=<id>),
  // #/tokens/<id> one key, #/tokens/<id>/replace a new API token for it.
  const route = async ({ oldURL } = {}) => {
    const where = place();
    if (waiting()) return history.replaceState(null, "", oldURL);
    if (secret.held) {
      history.replaceState(null, "", "#/");
      return secret.leave();
    }
    if (!isNew(where) && create.touched) {
      history.pushState(null, "", "#/new"); // so that going back leads to the same place again
      return create.leave(() => { location.hash = where || "#/"; });
    }
    const [, id] = where.match(/^#\/tokens\/([^/]+)/) ?? [];
    revoke.close();
    takeBack.close();
    leave.close();
    list.closeDialogs();
    if (!isReplace(where)) replace.close();
    if (!id) detail.close();
    if (!isNew(where)) create.close();
    if (isForm(where) && person === null) return; // until the API says whether they may
    if (isNew(where) && person.can_issue) return openForm(where);
    if (!id) {
      if (where) history.replaceState(null, "", "#/");
      return;
    }
    const token = await detail.open(id);
    if (!isReplace(where) || place() !== where) return;
    if (token?.status === "active" && person.can_issue) replace.open(token);
    else history.replaceState(null, "", `#/tokens/${id}`);
  };

  /** Opens the form for a new key, filled in from another one if the address names it. */
  const openForm = async (where) => {
    const [, from] = where.match(/^#\/new\?from=(.+)$/) ?? [];
    const like = from && await api.get(from).catch((error) => {
      if (!handled(error)) announce("The key to copy from can’t be seen. The form is empty.");
      return null;
    });
    if (place() === where) create.open(like);
  };
  addEventListener("hashchange", route);

  showView("keys");
  if (!isForm(place())) route();
  await list.load();
}

const isNew = (where) => /^#\/new(\?|$)/.test(where);
const isReplace = (where) => /^#\/tokens\/[^/]+\/replace$/.test(where);

/** Places of forms, which depend on what the person may do. */
const isForm = (where) => isNew(where) || isReplace(where);

function showFailure() {
  showView("failed");
}

start().catch(showFailure);
