// Aim: steps are declared in one way, and the plan of two versions is what lies between them.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { compare, gt, lte } from "semver";
import { describe, expect, test } from "vitest";
import { limits } from "../../../src/limits.ts";
import { defineSteps, planOf, type Step } from "../../../src/upgrade/protocol/steps.ts";

const local = (name: string, version: string): Step => ({
  name,
  version,
  target: "AllMachines",
  description: name,
  run: async () => {},
});
const schema = (name: string, version: string): Step => ({
  name,
  version,
  target: "MasterStateServer",
  description: name,
  run: async () => {},
});

describe("defineSteps", () => {
  const refuses = (steps: readonly Step[], code: string, words: string) =>
    expect(() => defineSteps(steps)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) }),
    );
  test("two steps of one name, even of two versions", () => {
    refuses([local("one", "1.1.0"), schema("one", "1.2.0")], "duplicate-step", '"one"');
  });
  test("a name that is no name, a version that is none", () => {
    refuses([local("One step", "1.1.0")], "bad-argument", '"One step"');
    refuses([local("one", "v1.1.0")], "version-not-semver", '"v1.1.0"');
    refuses([local("one", "1.1")], "version-not-semver", '"1.1"');
  });
  test("a part that is missing or misspelt, as a program without types can have it", () => {
    const [good, onHosts] = [schema("one", "1.1.0"), local("two", "1.1.0")];
    for (const [wrong, words] of [
      [{ ...good, target: "masterStateServer" }, "a target of MasterStateServer"],
      [{ ...good, target: undefined }, "a target of"],
      [{ ...good, description: undefined }, "a description"],
      [{ ...good, run: undefined }, "a function `run`"],
      [{ ...good, revert: async () => {} }, "of a local step alone"],
      [{ ...onHosts, revert: "undo" }, "a `revert` that is a function"],
      [{ ...onHosts, revret: async () => {} }, 'found "revret"'],
      [null, "steps[0]: expected an object of options, found null"],
    ] as const) {
      refuses([wrong as unknown as Step], "bad-argument", words);
    }
    const undone = { ...onHosts, revert: async () => {} } as Step;
    expect(defineSteps([good, undone])).toHaveLength(2);
  });
  test("names from one to a hundred letters, digits and hyphens, none but those", () => {
    for (const name of ["a", "7", "a-7", "a".repeat(100)]) {
      expect(defineSteps([local(name, "1.1.0")])).toHaveLength(1);
    }
    for (const name of ["", "-a", "a_b", "a b", " a", "a ", "A", "a".repeat(101)]) {
      refuses([local(name, "1.1.0")], "bad-argument", `"${name}"`);
    }
  });
  test("as many steps as are allowed, not one more", () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => local(`s${index}`, "1.1.0"));
    expect(defineSteps(many(limits.stepsMax))).toHaveLength(limits.stepsMax);
    refuses(many(limits.stepsMax + 1), "bad-argument", `at most ${limits.stepsMax}`);
  });
  test("a refusal names the step", () => {
    const details = { step: "one" };
    for (const steps of [[local("one", "1.1.0"), local("one", "1.1.0")], [local("one", "next")]]) {
      expect(() => defineSteps(steps)).toThrow(expect.objectContaining({ details }));
    }
  });
  test.each([undefined, null, {}])("%j is no list of steps", (steps) => {
    refuses(steps as unknown as readonly Step[], "bad-argument", "expected a list of steps");
  });
  test("reads is a list of collections, of a schema step alone", () => {
    const reading = (reads: unknown, step = schema("one", "1.1.0")) =>
      [{ ...step, reads }] as unknown as readonly Step[];
    for (const reads of [undefined, [], ["films"], ["films", "a.b", "näme"]]) {
      expect(defineSteps(reading(reads))).toHaveLength(1);
    }
    const wrong = ["films", [""], ["a$b"], ["films", "films"], [1], null, { films: 1 }, ["a\0"]];
    for (const reads of wrong)
      refuses(reading(reads), "bad-argument", 'step "one": expected reads');
    const many = Array.from({ length: limits.stepReadsMax + 1 }, (_, index) => `c${index}`);
    refuses(reading(many), "bad-argument", `at most ${limits.stepReadsMax}`);
    refuses(reading(["films"], local("one", "1.1.0")), "bad-argument", "of a schema step");
  });
  test("what it answers with cannot be changed", () => {
    expect(Object.isFrozen(defineSteps([local("one", "1.1.0")]))).toBe(true);
  });
});

describe("planOf", () => {
  const version = fc
    .tuple(fc.nat(2), fc.nat(3), fc.nat(3), fc.constantFrom("", "-rc.1", "-rc.2"))
    .map(([major, minor, patch, tag]) => `${major}.${minor}.${patch}${tag}`);

  test("exactly the steps above one version up to the other, by version, in list order within one", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(version, fc.boolean())), version, version, (given, a, b) => {
        const steps = given.map(([of, isSchema], index) =>
          isSchema ? schema(`s${index}`, of) : local(`s${index}`, of),
        );
        const plan = planOf(steps, a, b);
        const wanted = steps.filter((step) => gt(step.version, a) && lte(step.version, b));
        const chosen: readonly Step[] = [...plan.schema, ...plan.local];
        expect(new Set(chosen)).toEqual(new Set(wanted));
        for (const part of [plan.schema, plan.local] as readonly (readonly Step[])[]) {
          for (const [index, step] of part.slice(1).entries()) {
            const before = part[index] as Step;
            const order = compare(before.version, step.version);
            expect(order).toBeLessThanOrEqual(0);
            if (order === 0) expect(steps.indexOf(before)).toBeLessThan(steps.indexOf(step));
          }
        }
      }),
    );
  });

  test("the hash is what the builds of other hosts make of the same steps", () => {
    const step = local("one", "1.1.0");
    const { hash } = planOf([step], "1.0.0", "1.1.0");
    const text = JSON.stringify(["1.1.0", "one", "AllMachines", "one", String(step.run), ""]);
    expect(hash).toBe(createHash("sha256").update(text).digest("hex"));
    const without = { ...step, revert: undefined } as unknown as Step;
    expect(planOf([without], "1.0.0", "1.1.0").hash).toBe(hash);
  });

  test("the hash tells steps apart by name, version, target, description, order and bodies; nothing else moves it", () => {
    const steps = [local("one", "1.1.0"), local("two", "1.1.0")];
    const { hash } = planOf(steps, "1.0.0", "1.1.0");
    expect(planOf([...steps, local("later", "1.2.0")], "1.0.0", "1.1.0").hash).toBe(hash);
    const others: readonly (readonly Step[])[] = [
      steps.toReversed(),
      [local("one", "1.1.0"), local("three", "1.1.0")],
      [local("one", "1.1.0"), schema("two", "1.1.0")],
      [local("one", "1.0.5"), local("two", "1.1.0")],
      [local("one", "1.1.0"), { ...local("two", "1.1.0"), run: async () => void 1 } as Step],
      [local("one", "1.1.0"), { ...local("two", "1.1.0"), revert: async () => {} } as Step],
      [local("one", "1.1.0"), { ...local("two", "1.1.0"), revert: async () => void 1 } as Step],
      [local("one", "1.1.0"), { ...local("two", "1.1.0"), description: "other" } as Step],
      [local("one", "1.1.0"), { ...schema("two", "1.1.0"), reads: ["a"] } as Step],
      [local("one", "1.1.0"), { ...schema("two", "1.1.0"), reads: ["a", "b"] } as Step],
    ];
    const hashes = others.map((other) => planOf(other, "1.0.0", "1.1.0").hash);
    expect(new Set([hash, ...hashes]).size).toBe(others.length + 1);
  });
});
