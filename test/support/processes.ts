import { readdir, readFile } from "node:fs/promises";
import { runCommand } from "../../src/ports/process.ts";

/** Command lines of all processes that mention the text; those of the tests themselves left out. */
export async function processesWith(text: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const lines =
    pids.length > 0
      ? await Promise.all(
          pids.map(async (pid) =>
            (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " "),
          ),
        )
      : (
          (await runCommand("ps", ["-A", "-o", "args="], { timeoutMs: 10_000 }))?.stdout ?? ""
        ).split("\n");
  return lines.filter((line) => line.includes(text));
}
