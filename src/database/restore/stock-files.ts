import { endingsOf } from "../backup/dump/dump-files.ts";

/** An entry of a folder. A link or a device is `other`. */
export interface FoundFile {
  readonly name: string;
  readonly kind: "file" | "folder" | "other";
}

/**
 * The files of a database's folder in a stock dump. Each file is in one of the lists, so none is ignored in silence.
 */
export interface StockFiles {
  readonly gzip: boolean;
  /** Names of metadata files, without their ending. */
  readonly metadata: readonly string[];
  /** Names of files with documents, without their ending. */
  readonly data: readonly string[];
  /** Files that are left out, as mongorestore leaves them out. */
  readonly notices: readonly string[];
  /** Files that cannot be restored and must not be left out. */
  readonly problems: readonly string[];
}

/** The files of a stock dump's folder that are not restored, and why. Pure. */
function noticeOf({ name, kind }: FoundFile): string | null {
  if (kind === "folder") return `the folder "${name}" is left out`;
  if (name.startsWith(".")) return `"${name}" is left out: it is no file of mongodump`;
  if (/^prelude\.json(\.gz)?$/.test(name)) {
    return `"${name}" is left out: it only names the server and the tool of the dump`;
  }
  if (name.startsWith("$admin.")) {
    return `"${name}" is left out: users and roles are restored by mongorestore --restoreDbUsersAndRoles`;
  }
  if (/^system\.(profile|views)\.(bson|metadata\.json)(\.gz)?$/.test(name)) {
    return `"${name}" is left out: the server keeps it itself`;
  }
  return null;
}

/** True for the oplog of a dump that was made with --oplog. Pure. */
export function isOplog(name: string): boolean {
  return /^oplog\.bson(\.gz)?$/.test(name);
}

/** The meaning of a file at the top of a stock dump, beside the databases' folders. Pure. */
export function topFile(file: FoundFile): { readonly notice?: string; readonly problem?: string } {
  const { name, kind } = file;
  if (kind === "other") return { problem: `"${name}" is a link or no plain file` };
  const notice = noticeOf(file);
  if (notice !== null) return { notice };
  if (/\.(bson|metadata\.json)(\.gz)?$/.test(name)) {
    return { problem: `"${name}" lies beside the folder of its database, expected it inside` };
  }
  return { notice: `"${name}" is left out: it is no file of mongodump` };
}

/** Sorts the files of a database's folder in a stock dump. Pure. */
export function sortStockFiles(files: readonly FoundFile[]): StockFiles {
  const notices: string[] = [];
  const problems: string[] = [];
  const found = { metadata: [] as string[], data: [] as string[] };
  const forms = new Set<boolean>();
  for (const file of files) {
    const { name, kind } = file;
    const notice = noticeOf(file);
    const gzip = name.endsWith(".gz");
    const endings = endingsOf({ gzip });
    if (kind === "other") problems.push(`"${name}" is a link or no plain file`);
    else if (notice !== null) notices.push(notice);
    else if (name.endsWith(endings.metadata)) {
      found.metadata.push(name.slice(0, -endings.metadata.length));
      forms.add(gzip);
    } else if (name.endsWith(endings.data)) {
      found.data.push(name.slice(0, -endings.data.length));
      forms.add(gzip);
    } else if (/\.bson|\.metadata/i.test(name)) {
      problems.push(`"${name}" is in no form of mongodump`);
    } else notices.push(`"${name}" is left out: it is no file of mongodump`);
  }
  if (forms.size > 1) problems.push("zipped files lie beside plain ones, expected one form");
  if (found.data.includes("oplog") && !found.metadata.includes("oplog")) {
    problems.push(`"oplog.bson" is an oplog, or a collection without its metadata file`);
  }
  return { gzip: forms.has(true), ...found, notices, problems };
}
