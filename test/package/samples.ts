import { readFile } from "node:fs/promises";

async function blocksOf(page: string): Promise<readonly string[]> {
  const text = await readFile(page, "utf8");
  return [...text.matchAll(/```[jt]s\n([\s\S]*?)```/g)].map(([, each = ""]) => each);
}

/** The samples of a page that use the package, and can run by themselves. */
export async function samplesOf(page: string): Promise<readonly string[]> {
  const samples = (await blocksOf(page)).filter((sample) => sample.startsWith("import "));
  return samples.filter((sample) => /from "lockstep["/]/.test(sample));
}

/** The parts that a page leaves out of a sample, by how the sample begins. */
const completions: readonly {
  readonly begins: RegExp;
  complete(sample: string): string;
}[] = [
  {
    begins: /^await context\./,
    complete: (sample) => `
import type { SchemaContext } from "lockstep";
export async function run(context: SchemaContext): Promise<void> {
${sample}}`,
  },
  {
    begins: /^\{\n/,
    complete: (sample) => `
import type { SchemaStep } from "lockstep";
export const step: SchemaStep = ${sample}`,
  },
  {
    begins: /^[\s\S]*^const \w+ = \{\n {2}name: /m,
    complete: (sample) => `
import type { LocalStep } from "lockstep";
${sample.replace(/^const (\w+) = /m, "export const $1: LocalStep = ")}`,
  },
  {
    begins: /^(const agent = )?createAgent\(\{/,
    complete: (sample) => `
import { type AgentOptions, createAgent } from "lockstep";
declare const others: AgentOptions;
${sample.replace(/\/\/ …|…,/, "...others,")}`,
  },
];

/** The samples of a page that are parts of a step or of an agent, with what the page leaves out. */
export async function completedSamplesOf(page: string): Promise<readonly string[]> {
  return (await blocksOf(page)).flatMap((sample) => {
    if (/from "lockstep/.test(sample)) return [];
    const found = completions.find(({ begins }) => begins.test(sample));
    return found ? [found.complete(sample)] : [];
  });
}
