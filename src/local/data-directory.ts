import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { counted } from "../counted.ts";
import { LockstepError } from "../errors.ts";
import { asFileTrouble, readJsonFile, writeFileAtomic } from "../ports/files.ts";
import { lockFolder } from "../ports/folder-lock.ts";
import { count, fields, type Shape, text } from "../shape.ts";
import { setName } from "./initiate.ts";

/** The facts about a set that stay with its data. */
interface SetFacts {
  readonly replicaSet: string;
  readonly members: number;
}

const factsShape: Shape = fields<SetFacts>({ replicaSet: text, members: count });

/** A folder that this process has for itself, with the data of a set. */
export interface DataDirectory {
  /** False where a set has used it before. */
  readonly isNew: boolean;
  release(): Promise<void>;
}

const factsName = "replica-set.json";

/** The names in a folder, without our lock. There are none where there is no folder. */
async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).filter((name) => name !== "lock");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw asFileTrouble(path, error);
  }
}

function refused(path: string, expected: string, found: string): LockstepError {
  return new LockstepError(
    "bad-argument",
    `expected ${path} to hold ${expected}, found ${found}: name another folder`,
    { directory: path },
  );
}

/**
 * Takes a folder for the data of a set of so many members. It writes nothing into a folder of something else.
 * @throws LockstepError `bad-argument`, `directory-taken`, `file-trouble`
 */
export async function takeDataDirectory(path: string, members: number): Promise<DataDirectory> {
  const factsPath = join(path, factsName);
  const names = await namesIn(path);
  if (names.length > 0 && !names.includes(factsName)) {
    throw refused(path, "nothing, or a set of `lockstep dev`", `something else (${names[0]})`);
  }
  const lock = await lockFolder(path).catch((error: unknown) => {
    throw asFileTrouble(path, error);
  });
  try {
    const found = await readJsonFile<SetFacts>(factsPath);
    if (found === undefined) {
      await writeFileAtomic(factsPath, `${JSON.stringify({ replicaSet: setName, members })}\n`);
      return { isNew: true, release: lock.release };
    }
    const wrong = factsShape(found, factsName);
    if (wrong !== null) throw refused(path, "a set of `lockstep dev`", wrong);
    if (found.replicaSet !== setName) {
      throw refused(path, `the set "${setName}"`, `the set "${found.replicaSet}"`);
    }
    if (found.members !== members) {
      const next = `or use --members ${found.members}`;
      throw refused(
        path,
        `a set of ${counted(members, "member")}`,
        `one of ${found.members}, ${next}`,
      );
    }
    return { isNew: false, release: lock.release };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
