/** What is seen is asked for at once; all else waits in a line until nothing that is seen is under way. */

const PAUSE = 20; // ms: a record that has just come is drawn, and asks for its pictures, before the line goes on
const LONGEST = 10_000; // ms that the line waits for one question at most
const TOGETHER = 2; // of the line: a browser has six connections to a server, and the next click needs one

/** @typedef {{rank: number, run: () => Promise<unknown>}} Waiting those of a lower rank go first */

export class WaitingLine {
  constructor() {
    this.seen = 0; // questions for what is seen that are under way
    this.others = 0;
    /** @type {Waiting[]} */
    this.line = [];
    /** @type {any} */
    this.timer = null;
  }

  /** @template T @param {Promise<T>} asked for what is seen @returns {Promise<T>} the same */
  first(asked) {
    this.seen++;
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      clearTimeout(limit);
      this.seen--;
      this.goOn();
    };
    const limit = setTimeout(end, LONGEST);
    asked.then(end, end);
    return asked;
  }

  /**
   * @template T
   * @param {number} rank
   * @param {() => Promise<T>} ask is called when its turn comes
   * @returns {Promise<T>}
   */
  later(rank, ask) {
    return new Promise((resolve, reject) => {
      this.line.push({ rank, run: () => ask().then(resolve, reject) });
      this.line.sort((a, b) => a.rank - b.rank);
      this.goOn();
    });
  }

  /** @param {number} rank forget those of it that still wait: they are not wanted any more */
  drop(rank) {
    this.line = this.line.filter((one) => one.rank !== rank);
  }

  goOn() {
    clearTimeout(this.timer);
    if (this.line.length) this.timer = setTimeout(() => this.take(), PAUSE);
  }

  take() {
    while (!this.seen && this.others < TOGETHER && this.line.length) {
      const next = /** @type {Waiting} */ (this.line.shift());
      this.others++;
      const end = () => {
        this.others--;
        this.goOn();
      };
      next.run().then(end, end);
    }
  }
}
