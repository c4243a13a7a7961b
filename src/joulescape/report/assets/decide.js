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
  return COSTS.every((name) => {
    const limit = limits[name], value = columns[name][row];
    return name === without || limit === null || (value !== null && value <= limit);
  });
}

function energyFront(columns, rows) {
  const gained = gains(columns);
  const known = rows.filter((row) => (columns.energy[row] || 0) > 0 && gained[row] !== null);
  known.sort((a, b) => columns.energy[a] - columns.energy[b] || gained[b] - gained[a] || a - b);
  const front = [];
  for (const row of known) {
    if (!front.length || gained[row] > gained[front[front.length - 1]]) front.push(row);
  }
  return front;
}

function knee(columns, rows) {
  const front = energyFront(columns, rows);
  if (!front.length) return rows.length ? rows[0] : null;
  const first = front[0], last = front[front.length - 1], gained = gains(columns);
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
  const gained = gains(columns);
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
    const values = [];
    columns.back_end.forEach((_, row) => {
      if (meets(columns, row, limits, name) && columns[name][row] !== null) values.push(columns[name][row]);
    });
    if (values.length) found[name] = values.reduce((a, b) => (name === "accuracy" ? Math.max(a, b) : Math.min(a, b)));
  }
  return found;
}

function decide(columns, limits) {
  const rows = [], groups = {}, counts = {}, best = {};
  columns.back_end.forEach((_, row) => { if (meets(columns, row, limits, "")) rows.push(row); });
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
