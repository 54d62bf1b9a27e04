// Recognises a key's secret where people put it by mistake: in the search, in a name, in
// the address. What is left of it is the key's id, which is no secret.

/** <prefix>_<id>_<the secret part>, whole or cut off, in any case. */
const SECRET = /[a-z][a-z0-9]{1,11}_([0-9a-hjkmnp-tv-z]{26})_[0-9a-z]*/gi;

/** So many letters and digits in a row may be the secret part, without the id before it. */
const PART = /[0-9a-z]{32,}/gi;
const random = (text) => /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);

/** The text without secrets: an id in the place of each, nothing in the place of a part of one. */
export const withoutSecrets = (text) => text
  .replace(SECRET, (_, id) => id.toUpperCase())
  .replace(PART, (part) => (random(part) ? "" : part));

/** The text after # in the address, which must not keep a secret. */
export function place() {
  const { hash } = location;
  const clean = withoutSecrets(hash);
  if (clean !== hash) history.replaceState(null, "", clean || "#/");
  return clean;
}
