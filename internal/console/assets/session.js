// Who is signed in. Authorization code with PKCE at the deployment's issuer, by
// oidc-client-ts. Tokens live in sessionStorage, so in this tab only, and are in no URL.

/* global oidc */

const PLACE = "console.place";
const ROLES = { "org-admin": "Organization admin", "api-token-manager": "API Token Manager" };

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
    const store = new oidc.WebStorageStateStore({ store: sessionStorage });
    const home = `${location.origin}/`;
    this.#config = config;
    this.#manager = new oidc.UserManager({
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

  /** Takes up the session of this tab, or the issuer's answer in the address. */
  async start() {
    const answer = new URLSearchParams(location.search);
    if (answer.has("state") && (answer.has("code") || answer.has("error"))) {
      try {
        await this.#manager.signinCallback();
      } finally {
        history.replaceState(null, "", `/${sessionStorage.getItem(PLACE) ?? ""}`);
        sessionStorage.removeItem(PLACE);
      }
    }
    this.#user = await this.#manager.getUser();
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
      if (!(error instanceof oidc.ErrorResponse)) throw error;
      await this.forget();
    }
  }

  /** Who it is, as far as the token says; null if nobody is signed in. */
  get person() {
    if (!this.#user) return null;
    const claims = this.#claims;
    const names = this.#config.claims;
    // The same rule as the API's: only the two names count, matched exactly.
    const roles = [claims[names.roles] ?? []].flat().flatMap((role) => String(role).split(" ")).filter((role) => Object.hasOwn(ROLES, role));
    const organization = claims[names.organization] ?? "";
    return {
      id: claims.sub,
      email: claims[names.email] ?? this.#user.profile.email ?? "",
      organization,
      admin: roles.includes("org-admin"),
      allowed: roles.length > 0 && organization !== "",
      role: roles.includes("org-admin") ? ROLES["org-admin"] : ROLES[roles[0]],
    };
  }

  /** Leaves for the issuer's sign-in page, to come back to this place. */
  signIn() {
    sessionStorage.setItem(PLACE, location.hash);
    return this.#manager.signinRedirect();
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

  /** The claims of the token that the API sees, or of the ID token if that one is opaque. */
  get #claims() {
    try {
      const payload = this.#bearer.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
    } catch {
      return this.#user.profile;
    }
  }
}
