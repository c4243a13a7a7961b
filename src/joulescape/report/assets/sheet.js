// The sheet of one design: its question as YAML, its energy and time, the commands that make it again.
// The same rules as report/pinned.py.
const DOMAIN = (value) => value !== null && typeof value === "object" && "kind" in value && ("options" in value || "low" in value);

function pin(value, name, drawn) {
  if (DOMAIN(value)) return drawn(name);
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const found = Object.entries(value).map(([key, inner]) => [key, pin(inner, `${name}.${key}`, drawn)]);
  return Object.fromEntries(found.filter(([, inner]) => inner !== null && inner !== undefined));
}

function pinnedStep(step, name, drawn) {
  const chosen = "choice" in step ? drawn(name) : Object.keys(step)[0];
  const fields = ("choice" in step ? step.choice : step)[chosen] || {};
  const kept = pin(fields, `${name}.${chosen}`, drawn);
  const isWhole = chosen !== null && chosen !== undefined && Object.keys(kept).length === Object.keys(fields).length;
  return isWhole ? { [chosen]: kept } : { none: {} };
}

function questionText(columns, more, question, row) {
  const drawn = (name) => (more[name] || [])[row] ?? null;
  const backEnd = columns.back_end[row], groups = question.groups, flow = JSON.stringify;
  const lines = [`networks: ${flow([columns.network[row]])}`, `back_ends: ${flow([backEnd])}`];
  const steps = (groups.compression || []).map((step, place) => pinnedStep(step, `compression.${place}`, drawn));
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
  const parts = of("sheet_parts"), layers = of("sheet_layers");
  let shown = null, phase = "inference";

  function line(cells, share) {
    const made = document.createElement("tr");
    cells.forEach((text, place) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      if (place) cell.className = "number";
      made.append(cell);
    });
    made.firstChild.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
    made.firstChild.classList.add("bar-cell");
    return made;
  }

  function fill(id, rows, cells) {
    const table = byId(id);
    table.closest(".scroll").hidden = !rows.length;
    table.tBodies[0].replaceChildren(...rows.map((row) => line(cells(row), row.share)));
  }

  function paint() {
    const id = columns.id[shown], mine = (row) => row.id === id && row.phase === phase;
    const percent = (value) => `${(100 * value).toFixed(0)}${SPACE}%`;
    fill("sheet-energy", parts.filter(mine), (row) => [row.class, row.text, percent(row.share)]);
    fill("sheet-layers", layers.filter(mine), (row) => [row.layer, row.text, percent(row.share), row.bound_by, row.used]);
    const phases = [...new Set(parts.filter((row) => row.id === id).map((row) => row.phase))];
    byId("sheet-phases").hidden = phases.length < 2;
    for (const button of byId("sheet-phases").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === phase));
    byId("sheet-none").hidden = phases.length > 0;
  }

  function open(row) {
    shown = row;
    const id = columns.id[row], folder = page.sheet.folder;
    byId("sheet").hidden = row === null || row === undefined;
    byId("sheet-name").textContent = `${columns.network[row]} on ${columns.back_end[row]}`;
    byId("sheet-id").textContent = `design ${id}`;
    byId("sheet-sentence").textContent = sentence(row);
    byId("sheet-question").textContent = questionText(columns, datasets.more, page.sheet.question, row);
    byId("sheet-command").textContent = commandText(columns, datasets.more, page.panel.fixed, row);
    const hasWeights = "accuracy" in columns && !page.sheet.own.includes(columns.network[row]);
    byId("sheet-onnx-line").hidden = !hasWeights;
    byId("sheet-onnx").textContent = `joulescape export ${quoted(folder)} --onnx design.onnx --design ${quoted(id)}`;
    if (!parts.some((part) => part.id === id && part.phase === phase)) phase = (parts.find((part) => part.id === id) || { phase: "inference" }).phase;
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
