// The table of all designs: only the rows on screen exist.
// Valid designs come first, then the screened: those are shown only when asked for, and never meet a limit or a front.
function joined(first, second) {
  const from = first.length, length = from + (second ? second.length : 0);
  return { length, at: (row) => (row < from ? first.at(row) : second ? second.at(row - from) : null) };
}

function firstKnown(column) {
  for (let row = 0; row < column.length; row += 1) if (column.at(row) !== null) return column.at(row);
  return null;
}

// What rows are sorted by: numbers as they stand, words by their place in order; an absent value is not a number.
function sortKeys(column) {
  const keys = new Float64Array(column.length), values = listOf(column);
  const words = typeof firstKnown(column) === "string" ? new Map([...new Set(values)].filter((word) => word !== null).sort().map((word, place) => [word, place])) : null;
  values.forEach((value, row) => { keys[row] = value === null ? NaN : words ? words.get(value) : Number(value); });
  return keys;
}

function makeTable(page, datasets) {
  const HEIGHT = 29, PRINTED = 40;
  const VALID = datasets.designs.id.length, SCREENED = datasets.screened.id.length, COUNT = VALID + SCREENED;
  const of = (name) => joined(datasets.designs[name], datasets.screened[name]);
  const judged = ["accuracy", ...COSTS].filter((role) => role in page.metrics).map((role) => [page.metrics[role], of(role)]);
  const status = SCREENED ? { state: { length: COUNT, at: (row) => (row < VALID ? "valid" : "screened") } } : {};
  const front = { length: COUNT, at: (row) => row < VALID && datasets.designs.front[row] };
  const known = Object.entries(datasets.more).filter(([name]) => !judged.some(([metric]) => metric === name));
  const all = {
    id: of("id"), back_end: of("back_end"), network: of("network"), front, ...status, ...Object.fromEntries(judged),
    ...Object.fromEntries(known.map(([name, column]) => [name, joined(column, datasets.more_screened[name])])),
  };
  const names = Object.keys(all), numeric = new Set(names.filter((name) => typeof firstKnown(all[name]) === "number"));
  const box = document.getElementById("table-box"), body = box.querySelector("tbody"), head = box.querySelector("thead tr");
  const state = { sort: page.metrics.energy, rising: true, search: "", front: false, within: false, screened: false, limits: null, area: [] };
  const sorted = new Map(), unmark = document.getElementById("table-unmark");
  let rows = [], words = null, active = 0; // the row that Tab comes to; arrows go on from it

  function says(row) {
    words = words || Array.from({ length: COUNT }, (_, at) => ["id", "back_end", "network"].map((name) => all[name].at(at)).join(" ").toLowerCase());
    return words[row].includes(state.search);
  }

  function isMarked(row) {
    return row < VALID && state.area.every(([name, low, high]) => {
      const value = datasets.designs[name][row];
      return value !== null && value >= low && value <= high;
    });
  }

  function cell(name, row, place) {
    const made = document.createElement("td");
    const text = name === "front" ? (all.front.at(row) ? "front" : "") : show(all[name].at(row), name, page);
    if (name === "id" && row < VALID) { // the way to a design's sheet by keyboard
      const button = document.createElement("button");
      button.textContent = text;
      button.className = "link";
      button.dataset.place = place;
      button.tabIndex = place === active ? 0 : -1;
      button.addEventListener("click", () => table.onPick(row));
      made.append(button);
    } else made.textContent = text;
    if (typeof all[name].at(row) === "number") made.className = "number";
    return made;
  }

  function paint(start, end) {
    const hadFocus = body.contains(document.activeElement);
    if (!hadFocus && (active < start + 6 || active >= end)) active = start ? start + 6 : 0;
    const spacer = (count) => {
      const line = document.createElement("tr"), gap = document.createElement("td");
      gap.colSpan = names.length;
      gap.style.height = `${count * HEIGHT}px`;
      gap.className = "gap";
      line.append(gap);
      return line;
    };
    const lines = Array.from(rows.slice(start, end), (row, at) => {
      const line = document.createElement("tr");
      line.append(...names.map((name) => cell(name, row, start + at)));
      return line;
    });
    body.replaceChildren(...(start ? [spacer(start)] : []), ...lines, ...(end < rows.length ? [spacer(rows.length - end)] : []));
    const at = hadFocus && body.querySelector(`button[data-place="${active}"]`);
    if (at) at.focus({ preventScroll: true });
  }

  function visible() {
    const start = Math.max(0, Math.floor(box.scrollTop / HEIGHT) - 6);
    paint(start, Math.min(rows.length, start + Math.ceil(box.clientHeight / HEIGHT) + 12));
  }

  // Absent values come last whichever way.
  function order(found) {
    if (!sorted.has(state.sort)) sorted.set(state.sort, sortKeys(all[state.sort]));
    const keys = sorted.get(state.sort), way = state.rising ? 1 : -1;
    return found.sort((a, b) => {
      const left = keys[a], right = keys[b], isLost = Number.isNaN(left);
      if (isLost || Number.isNaN(right)) return isLost - Number.isNaN(right) || a - b;
      return way * (left - right) || a - b;
    });
  }

  function refresh() {
    const total = state.screened ? COUNT : VALID;
    rows = order(Uint32Array.from({ length: total }, (_, row) => row).filter((row) =>
      (!state.front || all.front.at(row)) && (!state.area.length || isMarked(row)) && (!state.search || says(row))
      && (!state.within || !state.limits || (row < VALID && meets(datasets.designs, row, state.limits, "")))));
    document.getElementById("table-count").textContent = `${rows.length.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} designs${state.area.length ? " in the marked area" : ""}`;
    if (unmark) unmark.hidden = !state.area.length;
    for (const made of head.children) {
      made.setAttribute("aria-sort", made.dataset.name === state.sort ? (state.rising ? "ascending" : "descending") : "none");
    }
    box.scrollTop = 0;
    active = 0;
    visible();
  }

  for (const name of names) {
    const made = document.createElement("th"), button = document.createElement("button");
    made.dataset.name = name;
    if (numeric.has(name)) made.className = "number";
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
    const plain = Array.from(rows, (row) => Object.fromEntries(names.map((name) => [name, all[name].at(row)])));
    save(`${page.name}_designs.csv`, csv(plain, names), "text/csv");
  });
  body.addEventListener("focusin", (event) => { if (event.target.dataset.place) active = Number(event.target.dataset.place); });
  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], next = active + step;
    if (!step || next < 0 || next >= rows.length || rows[next] >= VALID) return;
    event.preventDefault();
    active = next;
    const top = HEIGHT * active, room = box.clientHeight - 2 * HEIGHT; // the head lies over the first row
    box.scrollTop = Math.min(Math.max(box.scrollTop, top - room), top);
    visible();
  });
  let waiting = false;
  box.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; visible(); });
  });
  refresh();
  const table = {
    onPick: () => {},
    // Designs in a marked area, as [role, least, most] of each axis: how many there are.
    mark(area) {
      state.area = area;
      refresh();
      return rows.length;
    },
    limit(limits) { state.limits = limits; if (state.within) refresh(); },
    print() { rows.length > PRINTED ? (paint(0, PRINTED), body.lastChild.remove()) : paint(0, rows.length); },
    screen: visible,
  };
  return table;
}
