/** Where a function takes the words that it is told: an error's code comes first and is no prose. */
const places = { LockstepError: 1, assert: 1, timeout: 0 };

/** Whether this text is what a human reads: a mutant of it says nothing about what the code does. */
function isProse({ parent, key, listKey }) {
  if (listKey === "arguments") {
    const { callee } = parent;
    return key === (callee?.object?.name === "log" ? 1 : places[callee?.name]);
  }
  if (parent.type !== "ObjectProperty" || key !== "value") return false;
  return ["description", "message"].includes(parent.key.name);
}

/** The score as one line for machines, last of all. */
class Score {
  onMutationTestReportReady(_report, { systemUnderTestMetrics: { metrics } }) {
    const { killed, timeout, survived, noCoverage, mutationScore } = metrics;
    const score = { killed, timeout, survived, noCoverage, score: mutationScore };
    process.stdout.write(`${JSON.stringify(score)}\n`);
  }
}
Score.inject = [];

/** Descriptions and messages are left alone: states, events, codes and names are mutated. */
export const strykerPlugins = [
  {
    kind: "Ignore",
    name: "prose",
    value: {
      shouldIgnore(path) {
        const text = path.isStringLiteral() || path.isTemplateLiteral();
        return text && isProse(path) ? "prose: what a human reads" : undefined;
      },
    },
  },
  { kind: "Reporter", name: "score", injectableClass: Score },
];
