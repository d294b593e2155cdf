import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver } from "playwright-core";

/** Flags for a machine without a screen, a sandbox of its own, and a network. */
const flags = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update"],
  "--host-resolver-rules=MAP *.example 127.0.0.1",
];

/**
 * A real Chromium. An npm package brings it, and it needs no root. Where it does not run, the test fails and says so.
 */
export async function openBrowser(): Promise<Browser> {
  chromium.setGraphicsMode = false;
  const executablePath = await chromium.executablePath();
  return driver.launch({ executablePath, args: flags, headless: true });
}
