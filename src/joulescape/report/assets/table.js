// The table of all designs: only the rows on screen exist.
// Valid designs come first, then the screened: those are shown only when asked for, and never meet a limit or a front.
function joined(first, second, count) {
  const rest = (name) => second[name] || new Array(count).fill(null);
  return Object.fromEntries(Object.keys(first).map((name) => [name, [...first[name], ...rest(name)]]));
}

function makeTable(page, datasets) {
  const HEIGHT = 29, PRINTED = 40;
  const VALID = datasets.designs.id.length, SCREENED = datasets.screened.id.length;
  const columns = joined(datasets.designs, datasets.screened, SCREENED);
  const more = joined(datasets.more, datasets.more_screened, SCREENED);
  const judgedBy = ["accuracy", ...COSTS].filter((role) => role in page.metrics).map((role) => [role, page.metrics[role]]);
  const roles = judgedBy.map(([, metric]) => metric);
  const status = SCREENED ? { state: columns.id.map((_, row) => (row < VALID ? "valid" : "screened")) } : {};
  const first = { id: columns.id, back_end: columns.back_end, network: columns.network, front: columns.front, ...status };
  const judged = Object.fromEntries(judgedBy.map(([role, metric]) => [metric, columns[role]]));
  const all = { ...first, ...judged, ...Object.fromEntries(Object.entries(more).filter(([name]) => !roles.includes(name))) };
  const names = Object.keys(all);
  const box = document.getElementById("table-box"), body = box.querySelector("tbody"), head = box.querySelector("thead tr");
  const words = columns.id.map((_, row) => ["id", "back_end", "network"].map((name) => all[name][row]).join(" ").toLowerCase());
  const state = { sort: page.metrics.energy, rising: true, search: "", front: false, within: false, screened: false, limits: null };
  let rows = [];

  function cell(name, row) {
    const made = document.createElement("td");
    made.textContent = name === "front" ? (all.front[row] ? "front" : "") : show(all[name][row], name, page);
    if (typeof all[name][row] === "number") made.className = "number";
    return made;
  }

  function paint(start, end) {
    const spacer = (count) => {
      const line = document.createElement("tr"), gap = document.createElement("td");
      gap.colSpan = names.length;
      gap.style.height = `${count * HEIGHT}px`;
      gap.className = "gap";
      line.append(gap);
      return line;
    };
    const lines = rows.slice(start, end).map((row) => {
      const line = document.createElement("tr");
      line.append(...names.map((name) => cell(name, row)));
      return line;
    });
    body.replaceChildren(...(start ? [spacer(start)] : []), ...lines, ...(end < rows.length ? [spacer(rows.length - end)] : []));
  }

  function visible() {
    const start = Math.max(0, Math.floor(box.scrollTop / HEIGHT) - 6);
    paint(start, Math.min(rows.length, start + Math.ceil(box.clientHeight / HEIGHT) + 12));
  }

  function compare(a, b) {
    const left = all[state.sort][a], right = all[state.sort][b];
    if (left === null || right === null) return (left === null) - (right === null) || a - b;
    const order = typeof left === "string" ? left.localeCompare(right) : left - right;
    return (state.rising ? order : -order) || a - b;
  }

  function refresh() {
    const total = state.screened ? columns.id.length : VALID;
    rows = Array.from({ length: total }, (_, row) => row).filter((row) =>
      (!state.front || columns.front[row]) && words[row].includes(state.search)
      && (!state.within || !state.limits || (row < VALID && meets(columns, row, state.limits, ""))));
    rows.sort(compare);
    document.getElementById("table-count").textContent = `${rows.length.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} designs`;
    for (const made of head.children) {
      made.setAttribute("aria-sort", made.dataset.name === state.sort ? (state.rising ? "ascending" : "descending") : "none");
    }
    box.scrollTop = 0;
    visible();
  }

  for (const name of names) {
    const made = document.createElement("th"), button = document.createElement("button");
    made.dataset.name = name;
    if (all[name].some((value) => typeof value === "number")) made.className = "number";
    button.textContent = name === "front" ? "on the front" : page.labels[name] || name.replaceAll("_", " ");
    button.title = name;
    button.addEventListener("click", () => {
      state.rising = state.sort === name ? !state.rising : true;
      state.sort = name;
      refresh();
    });
    made.append(button);
    head.append(made);
  }
  const on = (id, event, change) => document.getElementById(id).addEventListener(event, (fired) => { change(fired.target); refresh(); });
  on("table-search", "input", (input) => { state.search = input.value.trim().toLowerCase(); });
  on("table-front", "change", (input) => { state.front = input.checked; });
  if (document.getElementById("table-screened")) on("table-screened", "change", (input) => { state.screened = input.checked; });
  on("table-within", "change", (input) => { state.within = input.checked; });
  document.getElementById("table-csv").addEventListener("click", () => {
    const plain = rows.map((row) => Object.fromEntries(names.map((name) => [name, all[name][row]])));
    save(`${page.name}_designs.csv`, csv(plain, names), "text/csv");
  });
  let waiting = false;
  box.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; visible(); });
  });
  refresh();
  return {
    limit(limits) { state.limits = limits; if (state.within) refresh(); },
    print() { rows.length > PRINTED ? (paint(0, PRINTED), body.lastChild.remove()) : paint(0, rows.length); },
    screen: visible,
  };
}
