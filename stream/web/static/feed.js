// The connection to the worker: told of changes, it notices when it is not, and comes back by itself.
// Law: what is shown is called live only while something was heard in the last few seconds.

const SILENT_MS = 5_000; // the worker says something at least every two seconds
const GIVE_UP_MS = 9_000; // a connection that is open and says nothing is dead
const LONGEST_WAIT_MS = 5_000;
const HIDDEN_MS = 60_000; // browsers share six connections to a host among all tabs

export class Feed {
  constructor({ url, onOverview, onProblem, onRefused, onLink }) {
    Object.assign(this, { url, onOverview, onProblem, onRefused, onLink });
    this.heardAt = 0;
    this.failures = 0;
    this.isLive = null;
    setInterval(() => this.look(), 500);
    document.addEventListener("visibilitychange", () => this.seen());
    window.addEventListener("online", () => this.open());
  }

  open() {
    this.close();
    const source = new EventSource(this.url());
    this.source = source;
    this.openedAt = Date.now();
    source.addEventListener("overview", (event) => this.hear(event, this.onOverview));
    source.addEventListener("problem", (event) => this.hear(event, this.onProblem));
    source.addEventListener("error", () => this.fail(source));
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  hear(event, tell) {
    this.heardAt = Date.now();
    this.failures = 0;
    tell(JSON.parse(event.data));
    this.say(true);
  }

  fail(source) {
    if (source !== this.source) return;
    this.close();
    const wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.retry = setTimeout(() => this.open(), wait);
    this.say(Date.now() - this.heardAt < SILENT_MS);
    this.askWhy();
  }

  // An event source does not say why it failed: for want of a login, which the page asks for, or by a wrong address.
  async askWhy() {
    const url = this.url();
    try {
      const { status } = await fetch(url.replace("/api/stream", "/api/overview"));
      if (status === 401) location.reload();
      else if (status === 400 && url === this.url()) this.onRefused();
    } catch {
      // Nobody answers: that is what is being shown already.
    }
  }

  look() {
    if (document.hidden && this.hiddenAt && Date.now() - this.hiddenAt > HIDDEN_MS) this.close();
    if (this.source && Date.now() - Math.max(this.heardAt, this.openedAt) > GIVE_UP_MS) this.fail(this.source);
    if (this.heardAt) this.say(Date.now() - this.heardAt < SILENT_MS);
  }

  seen() {
    this.hiddenAt = document.hidden ? Date.now() : null;
    if (!document.hidden && !this.source) this.open();
  }

  say(isLive) {
    if (isLive === this.isLive && isLive) return;
    this.isLive = isLive;
    this.onLink(isLive, this.heardAt);
  }
}
