// Aim: no credential reaches a log or a terminal, wherever in a text it stands; and nobody ends or waits for
// want of somebody who takes what is logged. Method: drawn texts; a process of its own with such an output.
import { closeSync, openSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLog, redactUrl } from "../src/log.ts";
import { exited, startProcess } from "../src/ports/process.ts";

const secret = fc.stringMatching(/^[A-Za-z0-9%.~_-]{6,20}$/).map((text) => `Zz9${text}`);

test("user and password of any MongoDB URL are masked, the rest stays", () => {
  fc.assert(
    fc.property(secret, secret, fc.constantFrom("mongodb", "mongodb+srv"), (user, word, scheme) => {
      const text = `tried ${scheme}://${user}:${word}@h1:27017,h2/app?replicaSet=rs0&tls=true, failed`;
      const shown = redactUrl(text);
      expect(shown).not.toContain(word);
      expect(shown).not.toContain(user);
      expect(shown).toContain("h1:27017,h2/app?replicaSet=rs0&tls=true, failed");
    }),
  );
  expect(redactUrl("x?tlsCertificateKeyFilePassword=abc&tls=true")).toBe(
    "x?tlsCertificateKeyFilePassword=***&tls=true",
  );
  expect(redactUrl("nothing to hide")).toBe("nothing to hide");
  // A password that should have been percent-encoded.
  for (const word of ["a@Zz9", "Zz9/b", "Zz9:c", "Zz9?d", "Zz9#e", "@/Zz9@"]) {
    expect(redactUrl(`mongodb://me:${word}@h/x failed`)).toBe("mongodb://***@h/x failed");
  }
});

test("the log masks in fields and messages, keeps the fields of its children, and its level", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => lines.push(line) } });
  const child = log.child({ agent: "a1", upgradeId: "u000002", epoch: 3, state: "migrating" });
  child.info({ url: "mongodb://me:hidden@h/x" }, "at mongodb://me:hidden@h/x");
  child.debug({}, "too quiet");
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain("hidden");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    agent: "a1",
    upgradeId: "u000002",
    epoch: 3,
    state: "migrating",
    url: "mongodb://***@h/x",
  });
});

test("a log that nobody can take or reads neither ends its process nor holds it up", async () => {
  const full = openSync("/dev/full", "w");
  const program = [resolve("dist/test/fixtures/logging.js")];
  const toFull = startProcess(process.execPath, program, { stdio: ["ignore", full, "ignore"] });
  const unread = startProcess(process.execPath, program, { stdio: ["ignore", "pipe", "ignore"] });
  expect([await exited(toFull), await exited(unread)]).toEqual([
    { code: 3, signal: null },
    { code: 3, signal: null },
  ]);
  closeSync(full);
});
