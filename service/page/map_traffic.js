// Where on the map live rows come from: rows per leaf, without those that this page asks for.

/** Own rows are live rows too, and a map is more of them than most traffic. */
export class MapTraffic {
  constructor() {
    this.own = null;      // rows per leaf that this page asked for, as many leaves as were read
    this.inFlight = 0;    // own requests
    this.asked = 0;       // own requests so far
    this.waiting = [];    // leaves of own rows, until a reading says how many leaves there are
    this.beginAnew();
  }

  beginAnew() {
    this.before = null;   // rows per leaf at the first reading, own ones left out
    this.since = null;    // when that was
    this.perLeaf = null;  // rows of others since then
    this.rows = 0;        // all of them
  }

  /** The answer that `ask` promises; `leavesOf` it, the rows' leaves, are own ones. */
  async counted(ask, leavesOf) {
    this.inFlight += 1;
    this.asked += 1;
    try {
      const answer = await ask();
      this.waiting.push(leavesOf(answer));
      return answer;
    } catch (error) {
      this.beginAnew();  // nobody knows whether these rows were counted
      throw error;
    } finally {
      this.inFlight -= 1;
    }
  }

  /** To be taken before a reading and given with it. */
  mark() {
    return this.inFlight ? null : this.asked;
  }

  /** Take a reading of rows per leaf since the load, unless own rows were under way meanwhile. */
  read(perLeaf, mark) {
    if (mark === null || mark !== this.mark()) return;
    if (this.own?.length !== perLeaf.length) this.own = new Float64Array(perLeaf.length);
    for (const leaves of this.waiting.splice(0)) {
      for (const leaf of leaves) this.own[leaf] += 1;
    }
    const others = perLeaf.map((rows, leaf) => rows - this.own[leaf]);
    const reset = this.before?.some((rows, leaf) => others[leaf] < rows);
    if (!this.before || reset || this.before.length !== others.length) {
      this.beginAnew();
      this.before = others;
      this.since = new Date();
    }
    this.perLeaf = others.map((rows, leaf) => rows - this.before[leaf]);
    this.rows = this.perLeaf.reduce((sum, rows) => sum + rows, 0);
  }
}
