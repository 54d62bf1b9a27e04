// The session of who is signed in. Authorization code with PKCE at the deployment's issuer,
// by oidc-client-ts. Tokens live in sessionStorage, so in this tab only, and are in no URL.
// What the person may do is not for the session to say: the API does, with each list.

/*! Licences of others' parts in here: /assets/oidc-client-ts.license.txt */

import { ErrorResponse, UserManager, WebStorageStateStore } from "oidc-client-ts";
import { place } from "./secrets.js";

const PLACE = "console.place";

/** The person has no valid session any more. */
export class SessionEnded extends Error {
  constructor() {
    super("Your session has ended. Sign in again to go on.");
  }
}

export class Session {
  #manager;
  #config;
  #user = null;
  #renewing = null;

  constructor(config) {
    const store = new WebStorageStateStore({ store: sessionStorage });
    const home = `${location.origin}/`;
    this.#config = config;
    this.#manager = new UserManager({
      authority: config.issuer,
      client_id: config.client_id,
      scope: config.sign_in_scopes,
      redirect_uri: home,
      post_logout_redirect_uri: home,
      userStore: store,
      stateStore: store,
      automaticSilentRenew: false, // see renewed()
      monitorSession: false,
    });
  }

  /**
   * Takes up the session of this tab, or the issuer's answer in the address. Throws if that
   * answer is no use and there is no session either: the address may be an old one.
   */
  async start() {
    const answer = new URLSearchParams(location.search);
    let failure = null;
    if (answer.has("state") && (answer.has("code") || answer.has("error"))) {
      try {
        await this.#manager.signinCallback();
      } catch (error) {
        failure = error;
      }
      history.replaceState(null, "", `/${sessionStorage.getItem(PLACE) ?? place()}`);
      sessionStorage.removeItem(PLACE);
    }
    this.#user = await this.#manager.getUser();
    if (failure && !this.#user) throw failure;
  }

  /**
   * The token for the API. Throws SessionEnded if there is none. Whether it is valid still
   * is the API's to say: this computer's clock may be wrong.
   */
  token() {
    if (!this.#user) throw new SessionEnded();
    return this.#bearer;
  }

  /** The token to use instead of one that the API refused. Throws SessionEnded if there is none. */
  async renewed(refused) {
    if (this.#user && this.#bearer === refused) {
      // Once for all who wait: an issuer may take a refresh token only once.
      this.#renewing ??= this.#renew().finally(() => { this.#renewing = null; });
      await this.#renewing;
    }
    return this.token();
  }

  async #renew() {
    if (!this.#user.refresh_token) return this.forget();
    try {
      this.#user = await this.#manager.signinSilent();
    } catch (error) {
      // Only the issuer's word ends a session. If it can't be reached now, it may be later.
      if (!(error instanceof ErrorResponse)) throw error;
      await this.forget();
    }
  }

  get signedIn() {
    return this.#user !== null;
  }

  /** Who it is at the issuer: what is kept in this tab for one person is not shown to another. */
  get id() {
    return this.#user?.profile.sub ?? "";
  }

  /** The address of who it is, to be shown where the API has not said it, or an empty string. */
  get email() {
    const address = this.#claims[this.#config.email_claim] ?? this.#user?.profile.email;
    return typeof address === "string" ? address : "";
  }

  /** Leaves for the issuer's sign-in page, to come back to this place. Throws if it can't be reached. */
  signIn() {
    return this.#leave();
  }

  /** The same for somebody who is signed in at the issuer and wants to be another. */
  changeAccount() {
    return this.#leave({ prompt: "login" });
  }

  async #leave(how) {
    sessionStorage.setItem(PLACE, place());
    try {
      await this.#manager.signinRedirect(how);
    } catch {
      throw new Error("The sign-in page can’t be reached. Check your connection and try again.");
    }
  }

  async signOut() {
    if (this.#user?.refresh_token) await this.#manager.revokeTokens(["refresh_token"]).catch(() => {});
    // The user is removed first: the library would put the ID token into the URL.
    await this.forget();
    sessionStorage.clear();
    if (this.#config.logout_url) {
      const url = new URL(this.#config.logout_url);
      url.searchParams.set("client_id", this.#config.client_id);
      url.searchParams.set("logout_uri", `${location.origin}/`);
      location.assign(url);
      return;
    }
    // An issuer may have no end-session endpoint: then this tab has forgotten, and that's all.
    await this.#manager.signoutRedirect().catch(() => location.assign("/"));
  }

  /** Forgets a session that the API no longer takes. */
  async forget() {
    this.#user = null;
    await this.#manager.removeUser();
  }

  get #bearer() {
    return this.#config.use_token === "access" ? this.#user.access_token : this.#user.id_token;
  }

  /** The claims of the token that the API sees, or of the ID token if that one can't be read. */
  get #claims() {
    try {
      const payload = this.#bearer.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
    } catch {
      return this.#user?.profile ?? {};
    }
  }
}
