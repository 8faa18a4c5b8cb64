/** Which conversation an address names. */

/** The id in `/chat/{id}` as the browser writes the path; null where there is none. What cannot be decoded is taken as it is. */
export function chatOf(pathname: string): string | null {
  const written = /^\/chat\/([^/]+)\/?$/.exec(pathname)?.[1];
  if (written === undefined) return null;
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}
