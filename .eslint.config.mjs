// What ESLint looks for in the page's sources and in the tests and tools written for Node.

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["internal/console/bundle/", ".build/", ".tools/", "cdk.out/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  { files: ["internal/console/assets/*.js"], languageOptions: { globals: globals.browser } },
  // The tests run in Node, and parts of them in the page.
  { files: ["**/*.mjs"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
