// How sure a choice is, and how to cost it again: the same rules as report/certainty.py and report/command.py.
// `bands` is cost -> design or back end -> [least factor, greatest factor, confirmed designs]; null is an open end.
const SPREAD_SD = 2;

function bandOf(columns, known, row) {
  return known[columns.id[row]] || known[columns.back_end[row]] || null;
}

// The same rule as report/sampling.py.
function standardError(accuracy, samples) {
  return Math.sqrt((accuracy * (1 - accuracy)) / samples + 0.25 / (samples * samples)) / (1 + 1 / samples);
}

// One run has no spread; of an exact machine it is every run.
function reach(columns, row) {
  const sd = columns.sd[row], samples = columns.samples[row];
  if (sd === null && !columns.exact[row]) return null;
  const drawn = SPREAD_SD * (sd || 0), asked = samples === null ? 0 : standardError(columns.accuracy[row], samples);
  return Math.sqrt(drawn * drawn + asked * asked);
}

function span(columns, bands, name, row) {
  const value = columns[name][row];
  if (value === null) return null;
  if (name === "accuracy") {
    const half = reach(columns, row);
    return half === null ? [-Infinity, Infinity] : [value - half, value + half];
  }
  const [low, high] = bandOf(columns, bands[name], row) || [1, 1];
  return [value * (low || 0), high === null ? Infinity : value * high];
}

function overlap(columns, bands, name, first, second) {
  const one = span(columns, bands, name, first), other = span(columns, bands, name, second);
  return one !== null && other !== null && one[0] <= other[1] && other[0] <= one[1];
}

function judgedBy(columns, prefer) {
  return prefer === "balance" ? [columns.accuracy ? "accuracy" : "latency", "energy"] : [prefer];
}

function rivals(columns, found, bands, prefer) {
  if (found.index === null) return [];
  const judged = judgedBy(columns, prefer);
  return Object.values(found.best)
    .filter((row) => columns.family[row] !== columns.family[found.index])
    .filter((row) => judged.every((name) => overlap(columns, bands, name, found.index, row)))
    .sort((a, b) => (columns.back_end[a] < columns.back_end[b] ? -1 : columns.back_end[a] > columns.back_end[b] ? 1 : a - b));
}

function tieText(columns, close, judged = []) {
  const names = [...new Set(close.map((row) => columns.back_end[row]))].join(" or ");
  const metrics = judged.length ? ` in ${judged.join(" and ")}` : "";
  return names ? `No clear winner${metrics}: within the uncertainty this choice may be no better than the best of ${names}.` : "";
}

function rangeText(columns, bands, row, metric, page) {
  const value = columns.energy[row], band = bandOf(columns, bands.energy, row);
  if (band === null || value === null) return "No confirmed design of this back end is at hand: how far its energy reaches is not known.";
  const end = (factor) => (factor === null ? "no valid design" : `${show(value * factor, metric, page)} (${factorText(factor)})`);
  const count = `${band[2]} confirmed design${band[2] === 1 ? "" : "s"}`;
  const whose = columns.id[row] in bands.energy
    ? "this design, confirmed" : `${count} of ${columns.back_end[row]}; this design itself was not confirmed`;
  return `Energy: ${end(band[0])} with every constant optimistic, ${end(band[1])} with every constant pessimistic (from ${whose}).`;
}

// How far a design's costs are to be trusted: the same words as report/sections/own_record.py.
function trustText(record, share, page) {
  const of = record && `${record[1]} published figure${record[1] === 1 ? "" : "s"} of this machine`;
  const said = record ? `the model meets ${record[0]} of ${of} within tolerance` : "no published figure of this machine is predicted, so its model is not validated";
  if (share === null || share === undefined) return `Trust: ${said}.`;
  return `Trust: ${said}; ${show(share, "assumed_energy_fraction", page)} of this design's energy rests on assumed constants.`;
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function commandText(columns, more, fixed, row) {
  const drawn = Object.keys(more).filter((name) => /^(compression|hardware|training)\./.test(name));
  const sets = fixed.values
    .filter((value) => value.back_end === null || value.back_end === columns.back_end[row])
    .filter((value) => value.column === null || (more[value.column] || [])[row] === value.method)
    .map((value) => `${value.name}=${value.value}`);
  for (const name of drawn) if (more[name][row] !== null) sets.push(`${name}=${more[name][row]}`);
  const words = ["joulescape", "cost", columns.network[row], columns.back_end[row], ...fixed.boundary];
  return [...words, ...sets.flatMap((text) => ["--set", text])].map(quoted).join(" ");
}
