// Who is signed in. Authorization code with PKCE at the deployment's issuer, by
// oidc-client-ts. Tokens live in sessionStorage, so in this tab only, and are in no URL.

/* global oidc */

const ROLES = { "org-admin": "Organization admin", "api-token-manager": "API Token Manager" };

/** The person has no valid session any more. */
export class SessionEnded extends Error {}

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
      automaticSilentRenew: false, // renewed when needed, in token()
      monitorSession: false,
    });
  }

  /** Takes up the session of this tab, or the issuer's answer in the address. */
  async start() {
    const answer = new URLSearchParams(location.search);
    if (answer.has("state") && (answer.has("code") || answer.has("error"))) {
      try {
        const user = await this.#manager.signinCallback();
        history.replaceState(null, "", `/${user.state?.hash ?? ""}`);
      } catch (error) {
        history.replaceState(null, "", "/");
        throw error;
      }
    }
    this.#user = await this.#manager.getUser();
  }

  /** The token for the API. Throws SessionEnded if there is none that is valid. */
  async token() {
    if (this.#user?.refresh_token && this.#expired) {
      // Once for all who wait: an issuer may take a refresh token only once.
      this.#renewing ??= this.#manager.signinSilent().catch(() => null).finally(() => { this.#renewing = null; });
      this.#user = await this.#renewing;
    }
    if (!this.#user || this.#expired) throw new SessionEnded();
    return this.#bearer;
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
    return this.#manager.signinRedirect({ state: { hash: location.hash } });
  }

  async signOut() {
    if (this.#user?.refresh_token) await this.#manager.revokeTokens(["refresh_token"]).catch(() => {});
    // The user is removed first: the library would put the ID token into the URL.
    await this.#manager.removeUser();
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

  get #expired() {
    const seconds = this.#claims.exp ?? this.#user.expires_at;
    return seconds <= Date.now() / 1000;
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
