// Aim: the house rules hold, and the documents say what is so. Method: every source file and every page is read as text.
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { mutants } from "./mutants/mutants.ts";
import { testDocumentedCommands, testDocuments } from "./tidy/documents.ts";
import { filesBelow, root, textOf } from "./tidy/repository.ts";

/** The rooms, lowest first, and the rooms that each may import from besides itself. What is not listed is refused. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  machines: [],
  "src/ports": [],
  "src/mongo": ["src/ports"],
  "src/journal": ["src/mongo", "src/ports"],
  "src/fleet-engine": ["src/journal", "src/ports"],
  "src/engine": ["src/mongo", "src/ports"],
  "src/leadership": ["src/journal", "src/mongo", "src/ports"],
  "src/control": ["machines", "src/journal", "src/mongo", "src/leadership", "src/ports"],
  "src/database": ["machines", "src/leadership", "src/journal", "src/mongo", "src/ports"],
  "src/launcher": ["src/ports"],
  "src/local": ["src/ports"],
  "src/diagram": ["machines", "src/ports"],
  "src/upgrade/protocol": [
    ...["machines", "src/control", "src/database", "src/fleet-engine", "src/journal", "src/mongo"],
  ],
  "src/upgrade": [
    ...[
      "machines",
      "src/fleet-engine",
      "src/journal",
      "src/leadership",
      "src/control",
      "src/database",
    ],
    ...["src/mongo", "src/launcher", "src/ports", "src/upgrade/protocol"],
  ],
  "src/agent": [
    ...[
      "machines",
      "src/fleet-engine",
      "src/journal",
      "src/leadership",
      "src/control",
      "src/database",
    ],
    ...["src/mongo", "src/launcher", "src/ports", "src/upgrade", "src/upgrade/protocol"],
    "src/dashboard",
  ],
  "src/operator": [
    ...[
      "machines",
      "src/fleet-engine",
      "src/journal",
      "src/leadership",
      "src/control",
      "src/database",
      "src/mongo",
      "src/engine",
    ],
    ...["src/ports", "src/launcher", "src/upgrade", "src/upgrade/protocol", "src/diagram"],
  ],
  "src/dashboard": ["machines", "src/ports", "src/operator", "src/diagram"],
  "src/cli": [
    ...["machines", "src/ports", "src/operator", "src/dashboard", "src/local"],
    ...["src/mongo/database-of-url.ts", "src/mongo/transient.ts"],
  ],
  demo: ["src/index.ts", "src/local", "src/ports", "src/dashboard"],
  bench: [
    ...["src/index.ts", "src/database", "src/leadership", "src/mongo", "src/local", "src/ports"],
    ...["src/engine", "src/dashboard", "demo"],
    ...["test/support/fleet-status.ts", "test/support/open-browser.ts"],
  ],
};
const leaves = [
  "src/entity-names.ts",
  "src/errors.ts",
  "src/limits.ts",
  "src/log.ts",
  "src/counted.ts",
  "src/options.ts",
  "src/printable.ts",
  "src/time-span.ts",
  "src/shape.ts",
];

/** The longest room that holds the file. */
function roomOf(file: string): string {
  const holding = Object.keys(arrows).filter((room) => file.startsWith(`${room}/`));
  return holding.toSorted((left, right) => right.length - left.length)[0] ?? "";
}

const files = (
  await Promise.all(["machines", "src", "demo", "bench", "test"].map(filesBelow))
).flat();
const sources = await Promise.all(files.map(async (file) => ({ file, text: await textOf(file) })));
const product = sources.filter(({ file }) => !file.startsWith("test/"));

describe("the house", () => {
  test("imports follow the arrows", () => {
    const wrong: string[] = [];
    for (const { file, text } of product) {
      const room = roomOf(file);
      const allowed = arrows[room];
      if (file.startsWith("src/") && file.split("/").length === 2) continue;
      for (const [, specifier = ""] of text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)) {
        const target = relative(root, resolve(dirname(join(root, file)), specifier));
        const targetRoom = roomOf(target);
        const open =
          targetRoom === room ||
          leaves.includes(target) ||
          allowed?.some((other) => other === targetRoom || other === target);
        if (!open) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("the command line starts without the driver, the machines and the pages: each command loads its own", () => {
    const texts = new Map(product.map(({ file, text }) => [file, text]));
    const loaded = new Set(["src/cli/main.ts"]);
    const packages = new Set<string>();
    for (const file of loaded) {
      const imports = (texts.get(file) ?? "").matchAll(
        /^(?:import|export)(?! type) [^;]*?from "([^"]+)";/gm,
      );
      for (const [, specifier = ""] of imports) {
        if (specifier.startsWith(".")) {
          loaded.add(relative(root, resolve(dirname(join(root, file)), specifier)));
        } else if (!specifier.startsWith("node:")) packages.add(specifier);
      }
    }
    expect([...packages].toSorted()).toEqual(["commander", "pino"]);
  });

  test("the table of rooms has each room, below all rooms from which it imports", async () => {
    const page = await textOf("ARCHITECTURE.md");
    const table = page.slice(page.indexOf("| room |"), page.indexOf("## Where is"));
    const heads = [...table.matchAll(/^\| (`[^|]*) \|/gm)].map(([, head = ""]) => head);
    // A room in another one has no row of its own.
    const rowOf = (room: string) =>
      heads.findIndex((head) => head.includes(`\`${room.split("/", 2).join("/")}/\``));
    const wrong = Object.entries(arrows).flatMap(([room, others]) => [
      ...(rowOf(room) === -1 ? [`${room} has no row`] : []),
      ...others
        .filter((other) => other in arrows && rowOf(other) > rowOf(room))
        .map((other) => `${room} is above ${other}`),
    ]);
    expect(wrong).toEqual([]);
  });

  test("each protocol mutant finds the one place that it breaks", async () => {
    const wrong: string[] = [];
    const page = await textOf("test/README.md");
    for (const { name, edits } of mutants) {
      for (const { file, find, replace } of edits) {
        const text = await textOf(file);
        const places = text.split(find).length - 1;
        if (places !== 1) wrong.push(`${name}: ${places} places in ${file}`);
        for (const [, used = ""] of replace.matchAll(/\bvoid \[?(\w+)/g)) {
          if (!text.includes(used)) wrong.push(`${name}: ${file} has no ${used}`);
        }
      }
      if (!page.includes(`| ${name} |`)) wrong.push(`${name}: not in test/README.md`);
    }
    expect(wrong).toEqual([]);
  });

  test("machines import only xstate", () => {
    const foreign = product
      .filter(({ file }) => file.startsWith("machines/"))
      .flatMap(({ file, text }) =>
        [...text.matchAll(/from "([^."][^"]*)"/g)]
          .filter(([, name]) => name !== "xstate")
          .map(([, name]) => `${file} imports ${name}`),
      );
    expect(foreign).toEqual([]);
  });

  test("clock, randomness and processes come in through ports", () => {
    const banned = /Date\.now|new Date\(\)|\bset(Timeout|Interval)\(|Math\.random|child_process/;
    // The measurements of the engine, and its test kit, which drives a live XState beside it, are the edge of the house too.
    // So is the page of the dashboard, which runs in a browser.
    const exempt = [
      ...["src/ports/", "src/local/", "src/engine/testing/", "bench/engine/"],
      "src/dashboard/page/",
    ];
    const wrong = product
      .filter(({ file }) => !exempt.some((folder) => file.startsWith(folder)))
      .filter(({ text }) => banned.test(text))
      .map(({ file }) => file);
    expect(wrong).toEqual([]);
  });

  test("the rooms that work on a fleet take the time from their clock port alone", () => {
    const rooms = [
      ...[
        "engine",
        "fleet-engine",
        "journal",
        "mongo",
        "leadership",
        "control",
        "database",
        "upgrade",
      ],
    ];
    const bypass = /systemClock|performance\.|\bset(Timeout|Interval|Immediate)\b|timers\/promises/;
    const edge = ["src/engine/create-engine.ts", "src/engine/testing/"];
    const wrong = product
      .filter(({ file }) => rooms.some((room) => file.startsWith(`src/${room}/`)))
      .filter(({ file }) => !edge.some((start) => file.startsWith(start)))
      .filter(({ text }) => bypass.test(text) || /Date\.now/.test(text))
      .map(({ file }) => file);
    expect(wrong).toEqual([]);
  });

  test("no folder of the product becomes a drawer", () => {
    const counts = new Map<string, number>();
    for (const { file } of product) {
      counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
    }
    expect([...counts].filter(([, count]) => count > 12)).toEqual([]);
  });

  test("comments have a subject and a verb", () => {
    const noun = /^\s*(?:\/\*\*|\*|\/\/) (?:Who|Whoever|Whose|What|Whatever)\b/;
    const phrase = /\bbe it\b|nobody's own|\blooked at\b|^\s*(?:\/\*\*|\*|\/\/).*\btold\b/;
    const wrong = product
      .filter(({ file }) => file.startsWith("src/") || file.startsWith("machines/"))
      .flatMap(({ file, text }) =>
        text.split("\n").flatMap((line, index) => {
          const isOdd = noun.test(line) || phrase.test(line);
          return isOdd ? [`${file}:${index + 1}: ${line.trim()}`] : [];
        }),
      );
    expect(wrong).toEqual([]);
  });

  test("files are short, nothing is skipped, nothing is a default export", () => {
    const long = sources.filter(({ text }) => text.split("\n").length > 401);
    expect(long.map(({ file }) => file)).toEqual([]);
    const skipped = new RegExp(
      `\\b(test|it|describe)\\.(${["skip", "only", "todo"].join("|")})\\b`,
    );
    expect(sources.filter(({ text }) => skipped.test(text)).map(({ file }) => file)).toEqual([]);
    const defaults = product.filter(({ text }) => /^export default/m.test(text));
    expect(defaults.map(({ file }) => file)).toEqual([]);
  });
});

testDocuments();
testDocumentedCommands();
