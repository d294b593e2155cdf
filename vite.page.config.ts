import { resolve } from "node:path";
import { defineConfig } from "vite";

/** The dashboard's page. It lies beside the compiled server, which serves nothing else. */
export default defineConfig({
  root: resolve("src/dashboard/page"),
  publicDir: false,
  base: "./",
  logLevel: "warn",
  build: {
    outDir: resolve("dist/src/dashboard/page"),
    emptyOutDir: true,
    // The page's policy allows no script, style or picture but files of its own server.
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2023",
    license: { fileName: "licenses.md" },
  },
});
