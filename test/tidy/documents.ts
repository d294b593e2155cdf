import { access, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { mutants } from "../mutants/mutants.ts";
import { documentPages, filesBelow, root, textOf } from "./repository.ts";

const pages = await Promise.all(
  (await documentPages()).map(async (page) => ({ page, text: await textOf(page) })),
);
const files = (
  await Promise.all(["machines", "src", "demo", "bench", "test", "examples"].map(filesBelow))
).flat();

/** The paths of folders that a build makes, or that have no source of ours. */
const elsewhere = [
  "dist/diagrams/",
  "diagrams/",
  "docs/",
  "schemas/",
  "telemetry/",
  "test/cli/transcripts/",
];
/** The names of options and functions of other programs. */
const namesOfOthers = [
  ...["autoCreate", "autoIndex", "ensureIndexes", "gracefulTerminationTimeout", "onTheWay"],
  ...["stopOnError", "terminationGracePeriodSeconds", "transactionAsyncLocalStorage"],
  ...["transformIgnorePatterns", "enableShutdownHooks", "resumeAfter", "startAfter"],
];

/** The folder and those above it, with a slash at the end. */
function foldersOf(folder: string): readonly string[] {
  return folder === "." ? [] : [`${folder}/`, ...foldersOf(dirname(folder))];
}

/** The lines of all pages that the pattern meets. */
function linesWith(pattern: RegExp): readonly string[] {
  return pages.flatMap(({ page, text }) =>
    text
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${page}:${index + 1}: ${line}`] : [])),
  );
}

/** The anchors of a page's headings, as GitHub makes them. */
async function headingIds(page: string): Promise<readonly string[]> {
  return [...(await textOf(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** Whether a page's link leads to a file, and to a heading of it. */
async function isLinkAlive(page: string, link: string): Promise<boolean> {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  return access(join(root, target)).then(
    async () => anchor === undefined || (await headingIds(target)).includes(anchor),
    () => false,
  );
}

/** `"a/{b,c}.ts"` as `"a/b.ts","a/c.ts"`. */
const withoutBraces = (text: string) =>
  text.replace(
    /(["`])([^"`]*)\{([^}]*)\}([^"`]*)["`]/g,
    (_, quote: string, before: string, names: string, after: string) =>
      names
        .split(",")
        .map((each) => `${quote}${before}${each}${after}${quote}`)
        .join(),
  );

/**
 * The documents say what is so: their links, names, options and figures. Each page is read as text, beside the sources.
 */
export function testDocuments(): void {
  describe("the documents", () => {
    test("each error code has its heading in docs/errors.md", async () => {
      const source = await textOf("src/errors.ts");
      const codes = [...source.matchAll(/^ {2}\| "([a-z-]+)"/gm)].map(([, code]) => code);
      expect(codes.length).toBeGreaterThan(30);
      const headings = [...(await textOf("docs/errors.md")).matchAll(/^## ([a-z-]+)$/gm)];
      expect(headings.map(([, heading]) => heading)).toEqual(codes.toSorted());
    });

    test("each link leads to a file, and to a heading of it", async () => {
      const wrong: string[] = [];
      for (const { page, text } of pages) {
        for (const [, link = ""] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
          if (!(await isLinkAlive(page, link))) wrong.push(`${page}: ${link}`);
        }
      }
      expect(wrong).toEqual([]);
    });

    test("each source file and folder that a document or a tool's configuration names is there", async () => {
      const folders = new Set(files.flatMap((file) => foldersOf(dirname(file))));
      const isThere = (path: string) =>
        path.endsWith("/")
          ? folders.has(path) || [...folders].some((folder) => folder.endsWith(`/${path}`))
          : files.some((file) => file === path || file.endsWith(`/${path}`));
      const tools = ["stryker.config.json", "vitest.mutants.config.ts"].map(async (page) => ({
        ...{ page, text: await textOf(page) },
      }));
      const wrong: string[] = [];
      for (const { page, text } of [...pages, ...(await Promise.all(tools))]) {
        // A user's own files have names of their own.
        const isOurs = !/^(docs|examples)\//.test(page);
        const named = isOurs
          ? /[`"](\w[\w/.-]*(?<!config)(?:\.tsx?|\/))[`"]/g
          : /`(src\/[\w/.-]+)`/g;
        for (const [, path = ""] of withoutBraces(text).matchAll(named)) {
          if (!isThere(path) && !elsewhere.includes(path)) wrong.push(`${page}: ${path}`);
        }
      }
      expect(wrong).toEqual([]);
    });

    test("each name of code in a document is one of ours, or one of a known other program", async () => {
      // This file has the names of others.
      const sources = await Promise.all(
        files.filter((file) => !file.endsWith("tidy/documents.ts")).map(textOf),
      );
      const known = new Set(sources.join("\n").match(/\w+/g));
      const wrong: string[] = [];
      for (const { page, text } of pages) {
        for (const [, code = ""] of text.replace(/```[\s\S]*?```/g, "").matchAll(/`([^`]+)`/g)) {
          for (const [name] of code.matchAll(/\b[a-z]+[A-Z]\w*/g)) {
            if (!known.has(name) && !namesOfOthers.includes(name)) wrong.push(`${page}: ${name}`);
          }
        }
      }
      expect(wrong).toEqual([]);
    });

    test("each row of a table has its head", () => {
      const wrong = pages.flatMap(({ page, text }) => {
        const lines = text.split("\n");
        return lines.flatMap((line, index) => {
          const isFirst = line.startsWith("|") && !lines[index - 1]?.startsWith("|");
          return isFirst && !/^\|[ -|]*-\|$/.test(lines[index + 1] ?? "")
            ? [`${page}: ${line}`]
            : [];
        });
      });
      expect(wrong).toEqual([]);
    });

    test("each folder of tests has a layer, and the page of figures counts the mutants", async () => {
      const folders = (await readdir(join(root, "test"), { withFileTypes: true }))
        .filter((each) => each.isDirectory() && !["fixtures", "support"].includes(each.name))
        .map(({ name }) => name)
        .filter((name) =>
          files.some((file) => new RegExp(`^test/${name}/.*\\.test\\.ts$`).test(file)),
        );
      const [readme, contributing] = await Promise.all(
        ["test/README.md", "CONTRIBUTING.md"].map(textOf),
      );
      expect(folders.filter((name) => !readme?.includes(`\`${name}/\``))).toEqual([]);
      expect(folders.filter((name) => !contributing?.includes(`\`test/${name}\``))).toEqual([]);
      expect(await textOf("docs/verification.md")).toContain(`in ${mutants.length} ways`);
    });

    test("each script of npm that a page names is there", async () => {
      const { scripts } = JSON.parse(await textOf("package.json")) as { scripts: object };
      const named = pages.flatMap(({ text }) => [...text.matchAll(/npm run ([a-z][\w:-]*)/g)]);
      expect(named.length).toBeGreaterThan(20);
      expect(named.map(([, name = ""]) => name).filter((name) => !(name in scripts))).toEqual([]);
    });

    test("each option of createAgent has its row", async () => {
      const [, options = ""] =
        /export interface AgentOptions \{\n([\s\S]*?)\n\}/.exec(
          await textOf("src/agent/create-agent.ts"),
        ) ?? [];
      const names = [...options.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
      expect(names).toContain("mongoUrl");
      const page = await textOf("docs/agents.md");
      const isForTests = (name: string | undefined) => name === "ports";
      expect(
        names.filter((name) => !isForTests(name) && !page.includes(`| \`${name}\` |`)),
      ).toEqual([]);
    });

    test("sentences have a subject and a verb", () => {
      const noun = /(?:^|[.:|] |- )(?:Who|Whoever|Whose|What|Whatever) (?!to do)/;
      const phrase = /\bbe it\b|nobody's own|\blooked at\b|\btold\b|\bwhoever\b/;
      expect(linesWith(new RegExp(`${noun.source}|${phrase.source}`))).toEqual([]);
    });

    test("no page shows a count of one with the noun of many, as the program did once", () => {
      expect(
        linesWith(/(?<![\d.,])\b1 (?:batches|collections|documents|indexes|members)\b/),
      ).toEqual([]);
    });

    test("no page starts a launcher with npx, which keeps a SIGTERM, or installs what is not on npm yet", () => {
      expect(linesWith(/npx lockstep-launcher|npm install lockstep\b/)).toEqual([]);
    });
  });
}

/** The command lines of the documents are those that the program takes, by what its completion knows. */
export function testDocumentedCommands(): void {
  describe("the commands of the documents", async () => {
    const completion = [resolve("dist/src/cli/main.js"), "completion", "bash"];
    const ran = await runCommand(process.execPath, completion, { timeoutMs: 60_000 });
    const flagsOf = new Map(
      [...(ran?.stdout ?? "").matchAll(/^ {4}"([^"]*)"\) words="([^"]*)"/gm)].map(
        ([, command = "", words = ""]) => [command, words.split(" ")] as const,
      ),
    );
    /** The flags of the words after `lockstep` that their command does not have, or the command that is none. */
    const unknownIn = (line: string): readonly string[] => {
      const words = line.split(/\s+/);
      const pair = `${words[0]} ${words[1]}`;
      const known = flagsOf.get(flagsOf.has(pair) ? pair : `${words[0]}`);
      if (known === undefined) return [`${words[0]}`];
      const flags = line.match(/(?<=^|[ [(])--[a-z][a-z-]*/g) ?? [];
      return flags.filter((flag) => !known.includes(flag));
    };

    test("each command line is one that the program takes", () => {
      expect(flagsOf.size).toBeGreaterThan(30);
      const wrong: string[] = [];
      for (const { page, text } of pages) {
        const blocks = [...text.matchAll(/```(\w*)\n([\s\S]*?)```/g)]
          .filter(([, language = ""]) => ["", "sh", "console"].includes(language))
          .map(([, , each]) => each);
        const lines = blocks.flatMap((block = "") =>
          [...block.matchAll(/(?:^|\$ |npx |\/|&& )lockstep ([a-z][^\n&#|]*)/gm)].map(
            ([, each]) => each,
          ),
        );
        const inline = text.replace(/```[\s\S]*?```/g, "");
        const spans = [...inline.matchAll(/`(?:npx |[\w./]+\/)?lockstep ([^`]+)`/g)].map(
          ([, each]) => each,
        );
        for (const line of [...lines, ...spans]) {
          for (const each of unknownIn(line ?? "")) wrong.push(`${page}: ${line}: ${each}`);
        }
      }
      expect(wrong).toEqual([]);
    });

    test("each command has its row in the operations, and each flag its place there or at the page", async () => {
      const operations = await textOf("docs/operations.md");
      const rows = [
        ...operations.matchAll(/^\| `lockstep ([a-z -]+?)(?: [[A-Z-][^`]*)?` \| (.*) \|$/gm),
      ];
      const inRows = new Map(rows.map(([, command = "", words = ""]) => [command, words]));
      const commands = [...flagsOf.keys()].filter(
        (name) => !["", "backup", "actors"].includes(name),
      );
      expect(commands.filter((name) => !inRows.has(name))).toEqual([]);
      const wrong = rows.flatMap(([, command, words = ""]) =>
        (words.match(/(?<=`)--[a-z-]+/g) ?? []).filter(
          (flag) => !flagsOf.get(`${command}`)?.includes(flag),
        ),
      );
      expect(wrong).toEqual([]);
      const shown = operations + (await textOf("docs/dashboard.md"));
      const flags = [...new Set([...flagsOf.values()].flat())].filter((word) =>
        word.startsWith("--"),
      );
      expect(flags.filter((flag) => !shown.includes(flag))).toEqual(["--help"]);
    });
  });
}
