// Requests to the service.

const TIMEOUT_MS = 5000;

/** No connection, or no response within the time. */
export class NoResponse extends Error {}

/**
 * The body of a 2xx response, read if it is JSON. `body` makes it a POST.
 * Throws NoResponse, or an Error with what the service said.
 */
export async function request(path, body) {
  const { response, text } = await send(path, body);
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const content = isJson ? JSON.parse(text) : text;
  if (!response.ok) throw new Error(content.error ?? `${path} answered ${response.status}`);
  return content;
}

async function send(path, body) {
  const options = { signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" };
  if (body !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  try {
    const response = await fetch(`.${path}`, options);  // relative: below any path prefix
    return { response, text: await response.text() };
  } catch (error) {
    throw new NoResponse(`${path}: ${error.message}`);
  }
}

export function modelPath(name) {
  return `/v1/models/${encodeURIComponent(name)}`;
}
