/** A step that does no work of its own. */
async function work(count) {
  "use step";
  return count + 1;
}

/** A workflow of so many steps, one after the other. */
export async function flow(steps) {
  "use workflow";
  let count = 0;
  for (let step = 0; step < steps; step += 1) count = await work(count);
  return count;
}
