/** The one error that every request of this page may end with. */

export interface ErrorBody {
  code: string;
  message: string;
  status: number;
  request_id?: string;
  retryable: boolean;
  details?: Record<string, unknown>;
}

/** What the server said, or that it could not be reached (`code` `network`, `status` 0). */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly requestId: string | undefined;
  readonly retryable: boolean;
  /** Seconds to wait before another try, where the server named them. */
  readonly retryAfter: number | undefined;

  constructor(body: ErrorBody, retryAfter?: number) {
    super(body.message);
    this.name = "ApiError";
    this.code = body.code;
    this.status = body.status;
    this.requestId = body.request_id;
    this.retryable = body.retryable;
    this.retryAfter = retryAfter;
  }

  /** The server, or the way to it, is away: to be asked again. */
  get away(): boolean {
    return this.kind === "network" || this.kind === "unavailable" || [502, 503, 504].includes(this.status);
  }

  /** The kind of error without the place where it happened. */
  get kind(): string {
    return this.code.split(":")[0]!;
  }
}

export function networkError(): ApiError {
  const message = "The server cannot be reached. Nothing is lost; try again.";
  return new ApiError({ code: "network", message, status: 0, retryable: true });
}

/** The error of a response that is not 2xx, whatever its body. */
export async function errorOf(response: Response): Promise<ApiError> {
  const after = Number(response.headers.get("retry-after"));
  const retryAfter = Number.isFinite(after) && after > 0 ? after : undefined;
  try {
    const body = (await response.json()) as { error?: ErrorBody };
    if (body.error?.message) return new ApiError(body.error, retryAfter);
  } catch {
    // A proxy's page, or a body that was cut: the status has to do.
  }
  const { status } = response;
  const message = `The server answered with status ${status}.`;
  return new ApiError({ code: "internal", message, status, retryable: status >= 500 }, retryAfter);
}
