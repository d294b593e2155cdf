/** Whether this text is what a human reads: a mutant of it says nothing about what the code does. */
function isProse(path) {
  const { parent, key, listKey } = path;
  // An error's message (its code comes first and is no prose), and an assertion's.
  if (listKey === "arguments") {
    const callee = parent.callee?.name;
    return (callee === "LockstepError" || callee === "assert") && key === 1;
  }
  if (parent.type !== "ObjectProperty" || key !== "value") return false;
  return ["description", "message"].includes(parent.key.name);
}

/** Leaves descriptions and messages alone; states, events, codes and names are mutated. */
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
];
