// The sheet of one design: its question as YAML, its energy and time, the commands that make it again.
// The same rules as report/pinned.py.
const DOMAIN = (value) => value !== null && typeof value === "object" && "kind" in value && ("options" in value || "low" in value);

// A column of options of several kinds holds text: the option that is spelt so is meant.
const asWritten = (domain, value) => (domain.options || []).find((option) => String(option) === String(value)) ?? value;

// Whether the layers of a design have values of their own: a question has one value for all.
function isEach(columns, more, row) {
  const inner = `.${columns.network[row]}.`;
  return Object.entries(more).some(([name, values]) => name.startsWith("compression.") && name.includes(inner) && values[row] !== null);
}

// The same rules as report/limiting.py.
function usedShare(value, metric, way, bound) {
  if (way === "at_most") return bound > 0 ? value / bound : null;
  if (metric.endsWith("_fraction")) return bound < 1 ? (1 - value) / (1 - bound) : null;
  return value > 0 ? bound / value : null;
}

function nearestLimit(valueOf, limits, page) {
  let near = null;
  for (const [metric, way, bound] of limits) {
    const value = valueOf(metric), share = value === null || value === undefined ? null : usedShare(value, metric, way, bound);
    if (share !== null && (near === null || share > near.share)) near = { share, metric, way, bound, value };
  }
  if (near === null) return "";
  const said = (value) => show(value, near.metric, page);
  return `The nearest limit of the question: ${page.labels[near.metric] || near.metric} ${said(near.value)}, ${near.way.replace("_", " ")} ${said(near.bound)}.`;
}

function pin(value, name, drawn) {
  if (DOMAIN(value)) return asWritten(value, drawn(name));
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const found = Object.entries(value).map(([key, inner]) => [key, pin(inner, `${name}.${key}`, drawn)]);
  return Object.fromEntries(found.filter(([, inner]) => inner !== null && inner !== undefined));
}

function pinnedStep(step, name, drawn) {
  const chosen = "choice" in step ? drawn(name) : Object.keys(step)[0];
  const fields = ("choice" in step ? step.choice : step)[chosen] || {};
  const kept = pin(fields, `${name}.${chosen}`, drawn);
  const isWhole = chosen !== null && chosen !== undefined && chosen !== "none" && Object.keys(kept).length === Object.keys(fields).length;
  return isWhole ? { [chosen]: kept } : null;
}

function questionText(columns, more, question, row) {
  const drawn = (name) => (more[name] || [])[row] ?? null;
  const backEnd = columns.back_end[row], groups = question.groups, flow = JSON.stringify;
  const lines = [`networks: ${flow([columns.network[row]])}`, `back_ends: ${flow([backEnd])}`];
  const steps = (groups.compression || []).map((step, place) => pinnedStep(step, `compression.${place}`, drawn)).filter(Boolean);
  lines.push(steps.length ? "compression:" : "compression: []", ...steps.map((step) => `- ${flow(step)}`));
  const hardware = pin((groups.hardware || {})[backEnd] || {}, `hardware.${backEnd}`, drawn);
  lines.push("hardware:", `  ${flow(backEnd)}:${Object.keys(hardware).length ? "" : " {}"}`);
  for (const [name, value] of Object.entries(hardware)) lines.push(`    ${flow(name)}: ${flow(value)}`);
  if (groups.training) lines.push(`training: ${flow(pin(groups.training, "training", drawn))}`);
  return `${lines.join("\n")}\n${question.rest}`;
}

function makeSheet(page, datasets, sentence) {
  const byId = (id) => document.getElementById(id);
  const columns = datasets.designs, of = (name) => (datasets[name].id ? rowsOf(datasets[name]) : []);
  const [parts, layers, errors, mappings, limits] = ["parts", "layers", "errors", "mappings", "limits"].map((name) => of(`sheet_${name}`));
  const roles = Object.fromEntries(Object.entries(page.metrics).map(([role, metric]) => [metric, role]));
  const exact = new Map();
  for (const { id, name, value } of of("sheet_exact")) exact.set(id, { ...exact.get(id), [name]: value });
  const isFloat = (value) => typeof value === "number" && !Number.isInteger(value);
  let shown = null, phase = "inference";

  function line(cells, heads, share) {
    const made = document.createElement("tr");
    cells.forEach((text, place) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      if (place && share !== undefined) cell.className = "number";
      if (place) cell.dataset.head = heads[place].textContent;
      made.append(cell);
    });
    if (share !== undefined) {
      made.firstChild.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
      made.firstChild.classList.add("bar-cell");
    }
    return made;
  }

  function fill(id, rows, cells) {
    const table = byId(id);
    table.closest(".scroll").hidden = !rows.length;
    table.tBodies[0].replaceChildren(...rows.map((row) => line(cells(row), table.tHead.rows[0].cells, row.share)));
  }

  function paint() {
    const id = columns.id[shown], mine = (row) => row.id === id && row.phase === phase;
    const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(0)}${SPACE}%`);
    fill("sheet-energy", parts.filter(mine), (row) => [row.class, row.text, percent(row.share)]);
    fill("sheet-layers", layers.filter(mine), (row) => [row.layer, row.text, percent(row.share), row.energy, percent(row.energy_share), row.bound_by, row.used]);
    fill("sheet-errors", errors.filter(mine), (row) => [row.layers, row.role, row.kind, row.text]);
    const laid = mappings.filter(mine);
    byId("sheet-mapping").hidden = !laid.length;
    byId("sheet-mappings").textContent = laid.map((row) => `${row.layer}, ${row.role}\n${row.text}`).join("\n\n");
    const value = (metric) => (metric in roles ? columns[roles[metric]][shown] : (datasets.more[metric] || [])[shown]);
    const known = limits.filter(mine).map((row) => row.text);
    byId("sheet-limits").textContent = [...known, nearestLimit(value, page.sheet.constraints, page)].filter(Boolean).join(" ");
    const phases = [...new Set([...parts, ...layers].filter((row) => row.id === id).map((row) => row.phase))];
    byId("sheet-phases").hidden = phases.length < 2;
    for (const button of byId("sheet-phases").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === phase));
    byId("sheet-none").hidden = phases.length > 0;
  }

  // What was drawn for one design, unrounded where the page holds it so.
  function drawnOf(row) {
    const known = Object.entries(exact.get(columns.id[row]) || {}).map(([name, value]) => [name, { [row]: value }]);
    return { ...datasets.more, ...Object.fromEntries(known) };
  }

  function isRounded(row) {
    const drawn = Object.entries(datasets.more).filter(([name]) => /^(compression|hardware|training)\./.test(name));
    const isSure = columns.front[row] || exact.has(columns.id[row]) || parts.some((part) => part.id === columns.id[row]);
    return !isSure && drawn.some(([, values]) => isFloat(values[row]));
  }

  function open(row) {
    shown = row;
    const id = columns.id[row], folder = page.sheet.folder, isOwn = page.sheet.own.includes(columns.network[row]);
    byId("sheet").hidden = row === null || row === undefined;
    byId("sheet-name").textContent = `${columns.network[row]} on ${columns.back_end[row]}`;
    byId("sheet-id").textContent = `design ${id}`;
    byId("sheet-sentence").textContent = sentence(row);
    const more = drawnOf(row), each = isEach(columns, more, row);
    byId("sheet-rounded").hidden = !isRounded(row);
    byId("sheet-each").hidden = !each;
    byId("sheet-yaml").hidden = each || !page.sheet.question.rest;
    byId("sheet-question").textContent = each ? "" : questionText(columns, more, page.sheet.question, row);
    byId("sheet-command").textContent = `${commandText(columns, more, page.panel.fixed, row)} --explain`;
    byId("sheet-explain").textContent = `joulescape explain ${quoted(folder)} ${quoted(id)}`;
    byId("sheet-onnx-line").hidden = !("accuracy" in columns) || isOwn;
    byId("sheet-onnx").textContent = `joulescape export ${quoted(folder)} --onnx ${quoted(`${id}.onnx`)} --design ${quoted(id)}`;
    const known = [...parts, ...layers].filter((row) => row.id === id).map((row) => row.phase);
    if (!known.includes(phase)) phase = known[0] || "inference";
    paint();
  }

  byId("sheet-phases").addEventListener("click", (event) => {
    if (event.target.value) { phase = event.target.value; paint(); }
  });
  for (const button of document.querySelectorAll("#sheet button[data-copy]")) {
    button.addEventListener("click", () => copyText(byId(button.dataset.copy), button));
  }
  byId("sheet-save").addEventListener("click", () => save(`${columns.id[shown]}.yaml`, byId("sheet-question").textContent, "text/yaml"));
  return { open };
}
