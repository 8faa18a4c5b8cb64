/** The client: who we are is asked first and once; every failure has the one shape. */

import { describe, expect, it } from "vitest";
import { Api, wordsOf } from "../src/protocol/api.ts";
import { ApiError } from "../src/protocol/errors.ts";

function server(answers: Record<string, () => Response | Promise<Response>>, early?: Promise<Response>) {
  const asked: string[] = [];
  const send = (async (url: string, init: RequestInit) => {
    asked.push(`${init.method} ${url}`);
    return (answers[url] ?? (() => Response.json({})))();
  }) as typeof fetch;
  return { asked, api: new Api("", send, early) };
}

describe("the client", () => {
  it("asks who it is before anything else, once for all that start together", async () => {
    const { asked, api } = server({});
    await Promise.all([api.models(), api.conversations({}), api.conversation("a/b")]);
    expect(asked[0]).toBe("GET /api/me");
    expect(asked.filter((line) => line.endsWith("/api/me")).length).toBe(1);
    expect(asked).toContain("GET /api/conversations/a%2Fb");
  });

  it("asks again who it is after that has failed", async () => {
    let up = false;
    const { asked, api } = server({
      "/api/me": () => (up ? Response.json({}) : Promise.reject(new TypeError("down"))),
    });
    await expect(api.models()).rejects.toMatchObject({ code: "network", retryable: true });
    up = true;
    await api.models();
    expect(asked.length).toBe(3);
  });

  it("takes what was asked before the page was there, unless that failed, and only once", async () => {
    const me = { id: "user_1", kind: "guest", name: null };
    const good = server({}, Promise.resolve(Response.json(me)));
    expect(await good.api.me()).toEqual(me);
    expect(good.asked).toEqual([]);
    good.api.forgetMe();
    await good.api.me();
    expect(good.asked).toEqual(["GET /api/me"]);
    const refused = Promise.reject(new TypeError("down"));
    refused.catch(() => {});
    const bad = server({}, refused);
    await bad.api.me();
    expect(bad.asked).toEqual(["GET /api/me"]);
  });

  it("tells the server's own words, and when to come again", async () => {
    const error = {
      code: "rate_limited:chat",
      message: "Too many messages.",
      status: 429,
      request_id: "r",
      retryable: true,
    };
    const { api } = server({
      "/api/models": () => Response.json({ error }, { status: 429, headers: { "retry-after": "120" } }),
    });
    const failure = await api.models().catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(ApiError);
    expect(failure).toMatchObject({ kind: "rate_limited", requestId: "r", retryAfter: 120 });
    expect(wordsOf(failure)).toEqual(
      expect.stringMatching(/^Too many messages\. Try again (tomorrow )?at \d\d:\d\d\.$/),
    );
  });

  it("has words for a failure without any", async () => {
    const { api } = server({ "/api/models": () => new Response("<html>", { status: 502 }) });
    await expect(api.models()).rejects.toMatchObject({
      message: "The server answered with status 502.",
      retryable: true,
    });
  });
});
