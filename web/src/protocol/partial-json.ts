/** Reads the beginning of a JSON text: what it already says, though it is not whole. */

/** The text ended before the value did. */
class Cut extends Error {}

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NUMBER_END = /^-?\d*(?:\.\d*)?(?:[eE][+-]?)?$/;
const WORDS: [string, unknown][] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  value(): unknown {
    this.blank();
    const first = this.text[this.at];
    if (first === undefined) throw new Cut();
    if (first === "{") return this.object();
    if (first === "[") return this.array();
    if (first === '"') return this.string(true);
    for (const [word, value] of WORDS) if (first === word[0]) return this.word(word, value);
    return this.number();
  }

  private blank(): void {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at++;
  }

  /** The next character that is not blank; Cut at the end of the text. */
  private next(): string {
    this.blank();
    const char = this.text[this.at];
    if (char === undefined) throw new Cut();
    return char;
  }

  private expect(...chars: string[]): string {
    const char = this.next();
    if (!chars.includes(char)) throw new SyntaxError(`unexpected ${char}`);
    this.at++;
    return char;
  }

  private object(): unknown {
    const out: Record<string, unknown> = {};
    this.at++;
    try {
      if (this.next() === "}") {
        this.at++;
        return out;
      }
      for (;;) {
        if (this.next() !== '"') throw new SyntaxError("a key must be a string");
        const key = this.string(false);
        this.expect(":");
        // defineProperty: a key named __proto__ is a key like any other.
        Object.defineProperty(out, key, {
          value: this.value(),
          enumerable: true,
          configurable: true,
          writable: true,
        });
        if (this.expect(",", "}") === "}") return out;
      }
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      this.at = this.text.length;
      return out;
    }
  }

  private array(): unknown {
    const out: unknown[] = [];
    this.at++;
    try {
      if (this.next() === "]") {
        this.at++;
        return out;
      }
      for (;;) {
        out.push(this.value());
        if (this.expect(",", "]") === "]") return out;
      }
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      this.at = this.text.length;
      return out;
    }
  }

  private string(partial: boolean): string {
    let out = "";
    this.at++;
    for (;;) {
      const char = this.text[this.at];
      if (char === '"') {
        this.at++;
        return out;
      }
      if (char === undefined) return this.cut(out, partial);
      if (char < " ") throw new SyntaxError("a control character in a string");
      if (char !== "\\") {
        out += char;
        this.at++;
        continue;
      }
      const more = this.escape();
      if (more === null) return this.cut(out, partial);
      out += more;
    }
  }

  private cut(out: string, partial: boolean): string {
    if (!partial) throw new Cut();
    this.at = this.text.length;
    return out;
  }

  /** What an escape stands for; null where the text ends inside it. */
  private escape(): string | null {
    const kind = this.text[this.at + 1];
    if (kind === undefined) return null;
    if (kind === "u") return this.unicode();
    const char = ESCAPES[kind] ?? ('"\\/'.includes(kind) ? kind : undefined);
    if (char === undefined) throw new SyntaxError("an unknown escape");
    this.at += 2;
    return char;
  }

  private unicode(): string | null {
    const high = this.hex(this.at + 2);
    if (high === null) return null;
    if (high < 0xd800 || high > 0xdbff) {
      this.at += 6;
      return String.fromCharCode(high);
    }
    const low = this.text.startsWith("\\u", this.at + 6) ? this.hex(this.at + 8) : null;
    if (low === null && this.text.length < this.at + 12) return null;
    if (low === null) throw new SyntaxError("half of a surrogate pair");
    this.at += 12;
    return String.fromCharCode(high, low);
  }

  private hex(at: number): number | null {
    const digits = this.text.slice(at, at + 4);
    if (!/^[0-9a-fA-F]*$/.test(digits)) throw new SyntaxError("a broken escape");
    return digits.length < 4 ? null : Number.parseInt(digits, 16);
  }

  private word(word: string, value: unknown): unknown {
    const there = this.text.slice(this.at, this.at + word.length);
    if (there === word) {
      this.at += word.length;
      return value;
    }
    if (word.startsWith(there) && this.at + there.length === this.text.length) {
      this.at = this.text.length;
      return value;
    }
    throw new SyntaxError("an unknown word");
  }

  private number(): number {
    const rest = this.text.slice(this.at);
    NUMBER.lastIndex = this.at;
    const whole = NUMBER.exec(this.text)?.[0];
    // Of a number that is cut, what is one already counts: "1." is 1.
    if (NUMBER_END.test(rest) && whole === undefined) throw new Cut();
    if (whole !== undefined && NUMBER_END.test(rest)) {
      this.at = this.text.length;
      return Number(whole);
    }
    if (whole === undefined) throw new SyntaxError("not a value");
    this.at += whole.length;
    return Number(whole);
  }
}

/** The value that a beginning of a JSON text already holds (cut strings are kept); null where it says nothing yet. */
export function partialJson(text: string): unknown {
  try {
    return new Reader(text).value();
  } catch (error) {
    if (error instanceof Cut || error instanceof SyntaxError) return null;
    throw error;
  }
}
