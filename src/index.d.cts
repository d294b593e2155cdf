// The types of the package for a CommonJS module. Node gives `require` the same module as `import`.
export type * from "./index.js" with { "resolution-mode": "import" };

type Lockstep = typeof import("./index.js", { with: { "resolution-mode": "import" }});

export declare const createAgent: Lockstep["createAgent"];
export declare const createFleetClient: Lockstep["createFleetClient"];
export declare const createLog: Lockstep["createLog"];
export declare const defineSteps: Lockstep["defineSteps"];
export declare const isLockstepError: Lockstep["isLockstepError"];
export declare const LockstepError: Lockstep["LockstepError"];
export type LockstepError = InstanceType<Lockstep["LockstepError"]>;
