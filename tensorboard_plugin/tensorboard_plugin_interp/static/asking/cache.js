/** Keeps answers by name, the most recently used ones; a failed question is forgotten, so that it is asked again. */
export class Cache {
  /** @param {number} limit */
  constructor(limit) {
    this.limit = limit;
    /** @type {Map<string, {promise: Promise<any>, value?: any}>} */
    this.entries = new Map();
  }

  /** @param {string} key @returns {any} what is already there, or undefined; counts as used */
  peek(key) {
    const entry = this.entries.get(key);
    if (entry) this.keep(key, entry);
    return entry?.value;
  }

  /** @param {string} key @returns {boolean} whether it is there, or on its way */
  has(key) {
    return this.entries.has(key);
  }

  /** @param {string} key @param {{promise: Promise<any>, value?: any}} entry */
  keep(key, entry) {
    this.entries.delete(key);
    this.entries.set(key, entry); // last in the map = used last
    for (const oldest of this.entries.keys()) if (this.entries.size > this.limit) this.entries.delete(oldest);
  }

  /** @param {string} key @param {() => Promise<any>} ask @returns {Promise<any>} */
  get(key, ask) {
    let entry = this.entries.get(key);
    if (!entry) {
      const promise = ask();
      entry = { promise };
      const made = entry;
      promise.then(
        (value) => (made.value = value),
        () => this.entries.delete(key),
      );
    }
    this.keep(key, entry);
    return entry.promise;
  }
}
