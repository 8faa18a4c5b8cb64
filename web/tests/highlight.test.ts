/** Colours of code: the same text in lines, the same for a growing block as for a whole one, old lines kept. */

import { describe, expect, it } from "vitest";
import { Highlighting } from "../src/markdown/highlight.ts";
import { labelOf, parserOf } from "../src/markdown/languages.ts";

const CODE = `def f(x: int) -> str:
    """Twice."""
    return f"{x * 2}"  # done

class A:
    pass
`;

describe("highlighting", () => {
  it("never changes the text", async () => {
    for (const language of ["python", "typescript", "json", "bash", "sql", "diff", "unknown"]) {
      const parser = await parserOf(language);
      const lines = new Highlighting(parser, language).lines(CODE);
      expect(lines.map((line) => line.map(([text]) => text).join("")).join("\n")).toBe(CODE);
    }
  });

  it("of a growing block ends as that of a whole one", async () => {
    const parser = await parserOf("py");
    const growing = new Highlighting(parser, "python");
    for (let end = 1; end < CODE.length; end += 3) growing.lines(CODE.slice(0, end));
    expect(growing.lines(CODE)).toEqual(new Highlighting(parser, "python").lines(CODE));
    expect(growing.lines(CODE)[0]).toContainEqual(["def", "tok-keyword"]);
  });

  it("keeps the lines that did not change", async () => {
    const growing = new Highlighting(await parserOf("python"), "python");
    const before = growing.lines(CODE.slice(0, 60))[0];
    expect(growing.lines(CODE)[0]).toBe(before);
  });

  it("knows languages by their other names", () => {
    expect(parserOf("constructor")).toBeNull();
    expect([labelOf("py"), labelOf("sh"), labelOf(""), labelOf("brainfuck")]).toEqual([
      "Python",
      "Shell",
      "Text",
      "brainfuck",
    ]);
  });
});
