// The types of `lockstep/engine` for a CommonJS module. Node gives `require` the same module as `import`.
export type * from "./index.js" with { "resolution-mode": "import" };

type Engine = typeof import("./index.js", { with: { "resolution-mode": "import" }});

export declare const createEngine: Engine["createEngine"];
export declare const durable: Engine["durable"];
export declare const isLockstepError: Engine["isLockstepError"];
export declare const LockstepError: Engine["LockstepError"];
export type LockstepError = InstanceType<Engine["LockstepError"]>;
