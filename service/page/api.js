// Requests to the service.

const TIMEOUT_MS = 5000;
const BINARY = "application/octet-stream";
const HEAD_LENGTH = "inference-header-content-length";

/** No connection, or no response within the time. */
export class NoResponse extends Error {}

/**
 * The body of a 2xx response, read if it is JSON. `body` makes it a POST.
 * Throws NoResponse, or an Error with what the service said.
 */
export async function request(path, body) {
  const posted = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const { response, content: text } = await send(path, posted, "text");
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const content = isJson ? JSON.parse(text) : text;
  if (!response.ok) throw new Error(content.error ?? `${path} answered ${response.status}`);
  return content;
}

/** POST JSON and what follows it; the response's two parts, [object, ArrayBuffer]. Throws alike. */
export async function requestBinary(path, head, bytes) {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const headers = { [HEAD_LENGTH]: String(text.length), "content-type": BINARY };
  const { response, content } = await send(
    path, { method: "POST", body: new Blob([text, bytes]), headers }, "arrayBuffer");
  const whole = response.ok ? Number(response.headers.get(HEAD_LENGTH)) : content.byteLength;
  const answer = JSON.parse(new TextDecoder().decode(content.slice(0, whole)));
  if (!response.ok) throw new Error(answer.error ?? `${path} answered ${response.status}`);
  return [answer, content.slice(whole)];
}

async function send(path, options, form) {
  const common = { signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" };
  try {
    const response = await fetch(`.${path}`, { ...common, ...options });  // below any path prefix
    return { response, content: await response[form]() };
  } catch (error) {
    throw new NoResponse(`${path}: ${error.message}`);
  }
}

export function modelPath(name) {
  return `/v1/models/${encodeURIComponent(name)}`;
}
