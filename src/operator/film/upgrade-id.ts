/** Lets the command line tell an upgrade from a file, before it loads what reads either. */
export { isUpgradeId } from "../../control/ids.ts";
