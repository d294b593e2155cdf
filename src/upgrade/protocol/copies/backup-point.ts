import type { BackupPoint } from "../../../../machines/vocabulary.ts";
import { readKeptCatalogue } from "../../../control/kept-catalogues.ts";
import type { Store } from "../../../journal/store.ts";
import type { Catalogue } from "../../../mongo/catalogue/catalogue.ts";
import type { Digests } from "../../../mongo/catalogue/digest.ts";

/** The database at the time T. It is stored once for an upgrade; the journal refers to it. */
export interface Catalogued {
  readonly catalogue: Catalogue;
  /** Per collection: dbHash and count. */
  readonly digest: Digests;
}

/**
 * The database at the time T, as it is stored.
 * @throws LockstepError `backup-mismatch`
 */
export async function cataloguedAt(
  store: Store,
  upgradeId: string,
  { catalogue }: BackupPoint,
): Promise<Catalogued> {
  return (await readKeptCatalogue(store, upgradeId, catalogue)) as Catalogued;
}
