// The types of `lockstep/testing` for a CommonJS module. Node gives `require` the same module as `import`.
export type * from "./index.js" with { "resolution-mode": "import" };

type Testing = typeof import("./index.js", { with: { "resolution-mode": "import" }});

export declare const crashAnywhere: Testing["crashAnywhere"];
export declare const EngineHost: Testing["EngineHost"];
export type EngineHost = InstanceType<Testing["EngineHost"]>;
export declare const scriptsOf: Testing["scriptsOf"];
