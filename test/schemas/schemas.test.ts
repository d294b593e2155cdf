// Aim: the published schemas are those of the types, each by itself, and leave room for fields of later versions. Method: the
// compiled command in a folder of its own; each file as it is published.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { outputNames, schemaOf, schemaTrouble } from "../support/output-schemas.ts";
import { mapParts } from "./schemas-of.ts";

test("--check names a stale, a missing and a surplus schema, and a run mends them", async () => {
  const root = await mkdtemp(join(tmpdir(), "lockstep-schemas-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await cp("schemas", join(root, "schemas"), { recursive: true });
  await mkdir(join(root, "src/cli"), { recursive: true });
  for (const name of ["node_modules", "machines", "src", "tsconfig.json"]) {
    await rm(join(root, name), { recursive: true, force: true });
    await symlink(resolve(name), join(root, name));
  }
  const run = (...words: string[]) =>
    runCommand(process.execPath, [resolve("dist/test/schemas/main.js"), ...words], {
      ...{ timeoutMs: 150_000, cwd: root },
    });
  const path = join(root, "schemas/status.json");
  const fresh = await readFile(path, "utf8");
  await writeFile(path, fresh.replace('"lastSeenAt"', '"seenAt"'));
  await rm(join(root, "schemas/wait.json"));
  await writeFile(join(root, "schemas/gone.json"), "{}");
  expect(await run("--check")).toMatchObject({
    exitCode: 1,
    stderr: "stale in schemas/: gone.json, status.json, wait.json: run `npm run schemas`\n",
  });
  expect((await run())?.exitCode).toBe(0);
  expect(await readFile(path, "utf8")).toBe(fresh);
  expect((await readdir(join(root, "schemas"))).toSorted()).toEqual(
    outputNames.map((name) => `${name}.json`).toSorted(),
  );
});

test("each schema names its version, stands alone, and says the type of each field", () => {
  for (const name of outputNames) {
    const schema = schemaOf(name);
    expect(schema["$id"]).toBe(`urn:lockstep:schema:${name}:1`);
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false });
    expect(ajv.compile(schema)).toBeInstanceOf(Function);
    mapParts(schema, (part) => {
      expect(part["additionalProperties"], name).not.toBe(false);
      for (const [field, value] of Object.entries(part["properties"] ?? {})) {
        const { description: _, ...rest } = value as { readonly description?: string };
        // Values of users.
        const isAny = ["context", "output", "event"].includes(field);
        if (!isAny) expect(Object.keys(rest), `${name}: ${field}`).not.toEqual([]);
      }
      return part;
    });
  }
});

test("a published schema takes a line with a new field, and refuses one without a field or of another version", () => {
  const line = { type: "accepted", formatVersion: 1, upgradeId: null, message: "" };
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const isAccepted = ajv.compile(schemaOf("abort"));
  expect(isAccepted({ ...line, later: true })).toBe(true);
  expect(isAccepted({ ...line, message: undefined })).toBe(false);
  expect(isAccepted({ ...line, formatVersion: 2 })).toBe(false);
  // In the tests it is closed.
  expect(schemaTrouble("abort", line)).toBe(null);
  expect(schemaTrouble("abort", { ...line, later: true })).toContain("later");
});
