// Numbers as a reader sees them: the same rules as report/theme.py.
const SPACE = "\u202f";
const PREFIXES = { "-18": "a", "-15": "f", "-12": "p", "-9": "n", "-6": "µ", "-3": "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P" };

function significant(value, digits = 3) {
  const size = Math.abs(Number(value.toPrecision(digits))); // 999.6 reads as 1,000
  if (size >= 10 ** digits) return Math.round(value).toLocaleString("en-US");
  if (size !== 0 && size < 1e-4) return value.toExponential(digits - 1);
  return value.toPrecision(digits);
}

function prefixed(value, unit) {
  if (value === 0) return `0${SPACE}${unit}`;
  const rounded = Number(value.toPrecision(3));
  const power = Math.min(15, Math.max(-18, 3 * Math.floor(Math.log10(Math.abs(rounded)) / 3)));
  return `${significant(rounded / 10 ** power)}${SPACE}${PREFIXES[power]}${unit}`;
}

function factorText(factor) {
  return factor >= 1 ? `×${significant(factor, 2)}` : `÷${significant(1 / factor, 2)}`;
}

function hasUnit(metric, suffix) { // gops_per_mm2 is no area
  return `_${metric}`.endsWith(suffix) && !`_${metric}`.endsWith(`_per${suffix}`);
}

function show(value, metric, page) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (metric.endsWith("_fraction")) return `${(100 * value).toFixed(1)}${SPACE}%`;
  for (const [suffix, [factor, unit]] of Object.entries(page.units)) {
    if (hasUnit(metric, suffix)) return prefixed(value * factor, unit);
  }
  for (const [suffix, unit] of Object.entries(page.plain_units)) {
    if (!hasUnit(metric, suffix)) continue;
    if (suffix === "_mm2" && Math.abs(value) >= 1e5) return `${significant(value * 1e-6)}${SPACE}m²`;
    return `${significant(value)}${SPACE}${unit}`;
  }
  return Number.isInteger(value) ? value.toLocaleString("en-US") : String(value);
}
