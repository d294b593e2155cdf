export { actorStatuses } from "../../engine/journal/entry.ts";
