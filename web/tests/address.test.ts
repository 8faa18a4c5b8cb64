/** The conversation that an address names, and the keys that are an input method's. */

import { describe, expect, it } from "vitest";
import { chatOf } from "../src/address.ts";
import { composes } from "../src/ui/keys.ts";

describe("an address", () => {
  it.each([
    ["/chat/conv_1", "conv_1"],
    ["/chat/a%20b/", "a b"],
    ["/chat/50%25", "50%"],
    ["/chat/%2525", "%25"],
    ["/chat/%", "%"],
    ["/chat/50%", "50%"],
    ["/chat/%E0%A4%A", "%E0%A4%A"],
    ["/", null],
    ["/chat/", null],
    ["/chat/a/b", null],
  ])("%s names %s", (path, id) => {
    expect(chatOf(path)).toBe(id);
  });
});

describe("a key", () => {
  it("of an input method is not for the page", () => {
    expect(composes({ isComposing: true, keyCode: 27 })).toBe(true);
    expect(composes({ isComposing: false, keyCode: 229 })).toBe(true);
    expect(composes({ isComposing: false, keyCode: 27 })).toBe(false);
  });
});
