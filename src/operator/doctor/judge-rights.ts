import type { Lacking } from "../../mongo/requirements/rights.ts";
import { type Finding, ok, trouble, warning } from "./finding.ts";
import { grantRole, parts } from "./mends.ts";

/** Judges the rights of the user who examines. The agents have users of their own, and report on them. Pure. */
export function judgeRights({ missing, optional }: Lacking): Finding {
  const { rights: name } = parts;
  if (missing !== "") return trouble(name, `it lacks ${missing}`, grantRole, "rights-missing");
  if (optional === "") return ok(name, "it has every right for an upgrade and its way back");
  return warning(
    name,
    `it has every right that is needed; an upgrade goes less well without ${optional}`,
    "grant them where that matters: docs/rights.md#more-rights-where-they-are-wanted",
  );
}
