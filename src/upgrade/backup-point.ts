import type { Catalogue } from "../database/catalogue.ts";

/** What the coordinator's context carries about the database at the time T. */
export interface Catalogued {
  readonly catalogue: Catalogue;
  /** Per collection: dbHash and count. */
  readonly digest: Readonly<Record<string, { readonly hash: string; readonly count: number }>>;
}
