// Aim: a URL whose password is not percent-encoded is refused, and no part of it is in the message. Method: such URLs.
import { expect, test } from "vitest";
import { databaseNameOf } from "../../src/mongo/database-of-url.ts";

test("the path of the URL is the database's name", () => {
  expect(databaseNameOf("mongodb://u:p@h1,h2/things?replicaSet=rs0")).toBe("things");
  expect(databaseNameOf("mongodb+srv://u:p%2Fq@h/a%40b")).toBe("a@b");
});

test.each([
  "mongodb://user:Zz9/secret@host/things",
  "mongodb://user:Zz9/sec?ret@host/things",
  "mongodb://us/Zz9:secret@host/things?replicaSet=rs0",
  "mongodb://user:Zz9%zzsecret@host/",
])("no part of the password is told: %s", (url) => {
  const tell = () => databaseNameOf(url);
  expect(tell).toThrow(expect.objectContaining({ code: "bad-argument" }));
  expect(tell).not.toThrow(/Zz9|secret|sec\?ret/);
});
