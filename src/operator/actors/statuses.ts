export { actorStatuses } from "../../workflow/journal/entry.ts";
