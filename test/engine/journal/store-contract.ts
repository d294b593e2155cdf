import { appendContract } from "./append-contract.ts";
import { rowsContract } from "./rows-contract.ts";
import type { OpenStore } from "./store-under-test.ts";
import { workersContract } from "./workers-contract.ts";

/** One suite for every store. */
export function storeContract(open: OpenStore): void {
  appendContract(open);
  rowsContract(open);
  workersContract(open);
}
