// The live stream: changes and overviews as they come; resumed where it broke off, and never silently stale.

// Overviews come every second; after this long without any message the connection counts as lost.
const SILENCE_MS = 6000;
const RETRY_MS = 1500;

export class Live {
  constructor({ onChange, onOverview, onReset, onState }) {
    Object.assign(this, { onChange, onOverview, onReset, onState });
    this.token = "";
    this.camera = "";
    this.source = null;
    this.heard = Date.now();
    setInterval(() => this.watch(), 1000);
  }

  // `token`: where to go on; without it, from now.
  open(camera, token) {
    if (token) this.token = token;
    this.camera = camera;
    this.close();
    const query = new URLSearchParams({ camera, after: this.token });
    const source = new EventSource(`/api/live?${query}`);
    this.source = source;
    this.heard = Date.now();
    const on = (kind, call) =>
      source.addEventListener(kind, (message) => {
        if (source !== this.source) return;
        this.heard = Date.now();
        this.onState("live");
        if (message.lastEventId) this.token = message.lastEventId;
        call(JSON.parse(message.data));
      });
    on("change", (event) => this.onChange(event));
    on("overview", (overview) => this.onOverview(overview));
    on("reset", () => this.onReset());
    source.onerror = () => {
      if (source !== this.source) return;
      this.onState("lost");
      // The browser tries again by itself unless the answer was an error.
      if (source.readyState === EventSource.CLOSED) this.retry();
    };
  }

  close() {
    if (this.source) this.source.close();
    this.source = null;
  }

  retry() {
    this.close();
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      // An ended session is an answer too, and the page has to say so.
      const answer = await fetch("/api/overview").catch(() => null);
      if (answer && answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
      else this.open(this.camera);
    }, RETRY_MS);
  }

  watch() {
    if (this.source && Date.now() - this.heard > SILENCE_MS) {
      this.onState("lost");
      this.retry();
    }
  }
}
