// Chooses a design under limits: the same rules as report/decide.py.
// A design is an index into columns {accuracy, energy, latency, area, back_end}; an absent cost never meets a limit on it.
// Where the question is of costs alone there is no column accuracy: speed then stands against the other costs.
const COSTS = ["energy", "latency", "area"];

function gains(columns) {
  return columns.accuracy || columns.latency.map((value) => (value ? -Math.log10(value) : null));
}

function meets(columns, row, limits, without) {
  if (limits.back_ends !== null && !limits.back_ends.includes(columns.back_end[row])) return false;
  if (limits.accuracy !== null && without !== "accuracy" && columns.accuracy[row] < limits.accuracy) return false;
  for (const name of COSTS) {
    const limit = limits[name], value = columns[name][row];
    if (name !== without && limit !== null && (value === null || value > limit)) return false;
  }
  return true;
}

function rowsWithin(columns, limits, without) {
  const rows = [], total = columns.back_end.length;
  for (let row = 0; row < total; row += 1) if (meets(columns, row, limits, without)) rows.push(row);
  return rows;
}

// Rows with an energy and a gain, by rising energy, then falling gain: sorted once for all limits.
const ORDERS = new WeakMap();

function energyOrder(columns) {
  if (!ORDERS.has(columns)) {
    const gained = gains(columns), energy = columns.energy;
    const known = Uint32Array.from(energy.keys()).filter((row) => (energy[row] || 0) > 0 && gained[row] !== null);
    ORDERS.set(columns, { gained, order: known.sort((a, b) => energy[a] - energy[b] || gained[b] - gained[a] || a - b) });
  }
  return ORDERS.get(columns);
}

function energyFront(columns, rows) {
  const { gained, order } = energyOrder(columns), asked = new Uint8Array(columns.energy.length), front = [];
  for (const row of rows) asked[row] = 1;
  let most = -Infinity;
  for (const row of order) {
    if (asked[row] && gained[row] > most) { front.push(row); most = gained[row]; }
  }
  return front;
}

function knee(columns, rows) {
  const front = energyFront(columns, rows);
  if (!front.length) return rows.length ? rows[0] : null;
  const first = front[0], last = front[front.length - 1], { gained } = energyOrder(columns);
  const width = Math.log10(columns.energy[last]) - Math.log10(columns.energy[first]);
  const height = gained[last] - gained[first];
  let chosen = first, farthest = 0;
  for (const row of front.slice(1, -1)) {
    const right = (Math.log10(columns.energy[row]) - Math.log10(columns.energy[first])) / width;
    const up = (gained[row] - gained[first]) / height;
    if (up - right > farthest + 1e-9) { chosen = row; farthest = up - right; }
  }
  return chosen;
}

function choose(columns, rows, prefer) {
  if (!rows.length) return null;
  if (prefer === "balance") return knee(columns, rows);
  const cost = (name, row) => (columns[name][row] === null ? Infinity : columns[name][row]);
  const differ = (a, b) => (a === b ? 0 : a - b); // two absent costs are equal, and Infinity - Infinity is not a number
  const { gained } = energyOrder(columns);
  const lost = (row) => (gained[row] === null ? Infinity : -gained[row]);
  const before = prefer === "accuracy"
    ? (a, b) => differ(lost(a), lost(b)) || differ(cost("energy", a), cost("energy", b)) || a - b
    : (a, b) => differ(cost(prefer, a), cost(prefer, b)) || differ(lost(a), lost(b)) || a - b;
  return rows.reduce((best, row) => (before(row, best) < 0 ? row : best));
}

function relaxations(columns, limits) {
  const found = {};
  for (const name of ["accuracy", ...COSTS]) {
    if (limits[name] === null) continue;
    const values = rowsWithin(columns, limits, name).map((row) => columns[name][row]).filter((value) => value !== null);
    if (values.length) found[name] = values.reduce((a, b) => (name === "accuracy" ? Math.max(a, b) : Math.min(a, b)));
  }
  return found;
}

function decide(columns, limits) {
  const rows = rowsWithin(columns, limits, ""), groups = {}, counts = {}, best = {};
  for (const row of rows) (groups[columns.back_end[row]] = groups[columns.back_end[row]] || []).push(row);
  for (const [name, group] of Object.entries(groups)) {
    counts[name] = group.length;
    best[name] = choose(columns, group, limits.prefer);
  }
  const index = choose(columns, rows, limits.prefer);
  if (index !== null) best[columns.back_end[index]] = index;
  return {
    index, counts, best,
    relaxations: rows.length ? {} : relaxations(columns, limits),
  };
}
