// Requests to the daemon. A failed one is an Error whose message is meant for people.

export class RequestError extends Error {
  constructor(status, body) {
    super((body.error && body.error.message) || `The daemon answered ${status}.`);
    this.status = status;
  }
}

async function checked(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The daemon cannot be reached.");
  }
  if (response.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  if (!response.ok) throw new RequestError(response.status, await response.json().catch(() => ({})));
  return response;
}

const post = (path, body) =>
  checked(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

const eventPath = (id) => `/api/events/${encodeURIComponent(id)}`;

export async function listEvents({ camera, state, page = "", size = 60 }) {
  const query = new URLSearchParams({ camera, state, page, size });
  return (await checked(`/api/events?${query}`)).json();
}

export const getEvent = async (id) => (await checked(eventPath(id))).json();

export const review = async (id, decision) => (await post(`${eventPath(id)}/review`, decision)).json();

// Calls `onPiece` with each piece of text; returns {explanation, tokens_cached}.
export async function ask(id, question, onPiece, signal) {
  const response = await checked(`${eventPath(id)}/ask`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ question }),
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += value || "";
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const message = JSON.parse(line);
      if (message.error) throw new Error(message.error);
      if (message.explanation) return message;
      onPiece(message.text);
    }
    if (done) throw new Error("The answer broke off.");
  }
}

export const smallPicture = (event) => `${eventPath(event.id)}/small?sha256=${event.picture.sha256}`;

export const wholePicture = (event) => `${eventPath(event.id)}/picture?sha256=${event.picture.sha256}`;
