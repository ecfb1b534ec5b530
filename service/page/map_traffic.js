// Where on the map live rows come from: rows per leaf since the first reading.

/** Maps are in no leaf statistics; a point that is asked about is a row like any other. */
export class MapTraffic {
  constructor() {
    this.beginAnew();
  }

  beginAnew() {
    this.before = null;   // rows per leaf at the first reading
    this.since = null;    // when that was
    this.perLeaf = null;  // rows since then
    this.rows = 0;        // all of them
  }

  /** Take a reading of rows per leaf since the load. */
  read(perLeaf) {
    const reset = this.before?.length !== perLeaf.length
      || this.before.some((rows, leaf) => perLeaf[leaf] < rows);
    if (reset) {
      this.beginAnew();
      this.before = perLeaf;
      this.since = new Date();
    }
    this.perLeaf = perLeaf.map((rows, leaf) => rows - this.before[leaf]);
    this.rows = this.perLeaf.reduce((sum, rows) => sum + rows, 0);
  }
}
