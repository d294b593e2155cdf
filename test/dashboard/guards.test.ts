// Aim: no page of another site reads or acts, by whatever name it reaches this machine.
import { describe, expect, test } from "vitest";
import {
  allowedHost,
  hostNameOf,
  isOwnHost,
  refusalOf,
  rightsRefusal,
} from "../../src/dashboard/http/guards.ts";

describe("the Host header", () => {
  test.each([
    ["127.0.0.1:4680", true],
    ["[::1]:4680", true],
    ["localhost", true],
    ["LOCALHOST:80", true],
    ["fleet.example", true],
    ["Fleet.Example:443", true],
    ["ops_page_1:4680", true],
    ["evil.example:4680", false],
    ["127.0.0.1.evil.example", false],
    ["localhost.evil.example", false],
    ["fleet.example.evil.example", false],
    ["user@127.0.0.1", false],
    ["127.0.0.1:4680:1", false],
    ["", false],
    [undefined, false],
  ])("%s", (header, isOwn) => {
    expect(isOwnHost(header, ["fleet.example", "ops_page_1"])).toBe(isOwn);
  });

  test("is taken without its port", () => {
    expect(hostNameOf("[FE80::1]:1")).toBe("fe80::1");
    expect(hostNameOf("a b")).toBeNull();
  });
});

test("a name that no Host header can have is refused, where a page would refuse everybody", () => {
  expect(["Fleet.Example", "ops_page_1"].map(allowedHost)).toEqual(["fleet.example", "ops_page_1"]);
  for (const wrong of ["https://ops.example", "ops.example:8443", "ops.example/lockstep", ""]) {
    expect(() => allowedHost(wrong)).toThrow(/without a scheme and a port/);
  }
});

function asked(method: string, path: string, given: Readonly<Record<string, string>>) {
  const headers: Readonly<Record<string, string>> = { host: "127.0.0.1:4680", ...given };
  return refusalOf({ method, path, header: (name) => headers[name] }, []);
}

describe("a page of another site", () => {
  test("may lead to the page, and reads nothing", () => {
    const foreign = { "sec-fetch-site": "cross-site" };
    expect(asked("GET", "/", foreign)).toBeNull();
    expect(asked("GET", "/api/stream", foreign)?.status).toBe(403);
    expect(asked("GET", "/api/stream", { "sec-fetch-site": "same-site" })?.status).toBe(403);
    expect(asked("GET", "/api/stream", { "sec-fetch-site": "same-origin" })).toBeNull();
    expect(asked("GET", "/api/stream", {})).toBeNull();
  });

  test("acts never", () => {
    const post = (given: Readonly<Record<string, string>>) => asked("POST", "/api/requests", given);
    expect(post({ origin: "http://127.0.0.1:4680" })).toBeNull();
    expect(post({ origin: "http://127.0.0.1:4681" })?.status).toBe(403);
    expect(post({ origin: "null" })?.status).toBe(403);
    // A proxy that hides the name of the page refuses its own reader, who has to hear the way out.
    expect(post({ origin: "https://ops.example" })?.message).toContain("pass the Host header on");
    expect(post({ "sec-fetch-site": "cross-site" })?.status).toBe(403);
  });
});

describe("the token", () => {
  const token = "0123456789abcdef";
  test("gives the right to act, and nothing else does", () => {
    expect(rightsRefusal(`Bearer ${token}`, token)).toBeNull();
    expect(rightsRefusal(`Bearer ${token}0`, token)?.status).toBe(403);
    expect(rightsRefusal(token, token)?.status).toBe(401);
    expect(rightsRefusal(undefined, token)?.status).toBe(401);
  });

  test("that nobody has set gives none", () => {
    expect(rightsRefusal("Bearer ", null)?.status).toBe(403);
    expect(rightsRefusal(undefined, null)?.message).toContain("read-only");
  });
});
