import { defineSteps } from "lockstep";

// The first version migrates nothing.
export const steps = defineSteps([]);
