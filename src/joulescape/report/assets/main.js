// Starts the page: text and decision first, charts after.
function preferredTheme() {
  try {
    const kept = localStorage.getItem("joulescape-theme");
    if (kept) return kept;
  } catch { /* storage is refused for some file:// pages: the system's preference is then used */ }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function keepTheme(mode) {
  try { localStorage.setItem("joulescape-theme", mode); } catch { /* see above: the choice then lasts as long as the page */ }
}

function wireButtons(charts) {
  for (const group of document.querySelectorAll("[data-signal]")) {
    const tell = (value) => { for (const id of group.dataset.charts.split(" ")) charts.set(id, { [group.dataset.signal]: value }); };
    if (group.matches("select")) { // many choices: a list takes one line
      group.addEventListener("change", () => tell(JSON.parse(group.value)));
      continue;
    }
    group.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const other of group.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
      tell(JSON.parse(button.dataset.value));
    });
  }
}

function wireMenus(page, charts) {
  for (const button of document.querySelectorAll("button[data-save]")) {
    button.addEventListener("click", () => {
      const id = button.closest("figure").querySelector("[data-chart]").dataset.chart;
      button.closest("details").open = false;
      if (button.dataset.save !== "csv") { savePicture(page, charts, id, button.dataset.save); return; }
      const name = button.dataset.rows, rows = charts.rows(name);
      save(`${page.name}_${id}.csv`, csv(rows, Object.keys(rows[0] || {})), "text/csv");
    });
  }
}

// A study's whole tables are unpacked when one is asked for.
function wireTables(page) {
  let tables = null;
  for (const button of document.querySelectorAll("button[data-table]")) {
    button.addEventListener("click", async () => {
      tables ||= unpack("blob", 1);
      const name = button.dataset.table, columns = (await tables)[name];
      save(`${page.name}_${name}.csv`, csv(rowsOf(columns), Object.keys(columns)), "text/csv");
    });
  }
}

// Escape clears a marked area. Escape, or a click elsewhere, closes an open menu; from the keyboard the focus goes back to its button.
function wireClosing(charts) {
  const open = () => [...document.querySelectorAll("details.menu[open]")];
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    charts.unmark();
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  const unmark = document.getElementById("table-unmark");
  if (unmark) unmark.addEventListener("click", () => charts.unmark());
  addEventListener("click", (event) => { for (const menu of open()) if (!menu.contains(event.target)) menu.open = false; });
}

// What is wider or higher than its place can be scrolled by key, so it can be reached by key.
function wireScrolling() {
  const regions = [...document.querySelectorAll(".scroll, pre, .command code")];
  const reach = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const isLarger = target.scrollWidth > target.clientWidth + 1 || target.scrollHeight > target.clientHeight + 1;
      if (isLarger) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  regions.forEach((region) => reach.observe(region));
}

function loadLibrary(source) {
  const script = document.createElement("script");
  script.textContent = source;
  document.head.append(script);
}

// What is on screen first; the table and the sheet come when their data is unpacked.
function startPanel(page, designs, charts) {
  const parts = { table: null, sheet: null };
  let told = null;
  const panel = makePanel(page, designs, (news) => {
    told = news;
    charts.push(news.signals);
    if (parts.table) parts.table.limit(news.limits);
    if (parts.sheet && news.found.index !== null) parts.sheet.open(news.found.index);
  });
  panel.update();
  charts.onPick = (row) => {
    document.getElementById("looked").textContent = `Clicked: ${panel.sentence(row)}`;
    charts.push({ pick: row });
    if (parts.sheet) parts.sheet.open(row);
  };
  charts.onMark = (area) => {
    const ranges = Object.entries(area || {}).map(([field, ends]) => {
      const role = field.replace("_si", ""), factor = field === role ? 1 : page.factors[role];
      return [role, Math.min(...ends) / factor, Math.max(...ends) / factor];
    });
    parts.ranges = ranges;
    if (parts.isMarking || !parts.table) return; // a drag tells more often than a table is read
    parts.isMarking = true;
    requestAnimationFrame(() => {
      parts.isMarking = false;
      const count = parts.table.mark(parts.ranges).toLocaleString("en-US");
      document.getElementById("looked").textContent = parts.ranges.length ? `Marked: ${count} designs, which the table of all designs lists; Escape clears.` : "";
    });
  };
  return (datasets) => {
    for (const [name, of] of [["more", "designs"], ["more_screened", "screened"]]) {
      const judged = Object.fromEntries(Object.entries(page.metrics).map(([role, metric]) => [metric, datasets[of][role]]));
      datasets[name] = withFollowing(datasets[name], judged, page.follows);
    }
    const more = indexed(datasets.more);
    panel.know(more);
    parts.table = makeTable(page, datasets);
    parts.sheet = makeSheet(page, { ...datasets, more }, panel.sentence);
    parts.table.limit(told.limits);
    if (told.found.index !== null) parts.sheet.open(told.found.index);
    parts.table.onPick = (row) => {
      charts.onPick(row);
      document.getElementById("sheet").scrollIntoView();
    };
    addEventListener("beforeprint", () => parts.table.print());
    addEventListener("afterprint", () => parts.table.screen());
  };
}

function wireTheme(charts, first) {
  const toggle = document.getElementById("theme");
  let mode = first;
  const wear = (next) => {
    document.documentElement.dataset.theme = next;
    return charts.retheme(next);
  };
  const named = () => { toggle.textContent = mode === "dark" ? "Light" : "Dark"; };
  named();
  toggle.addEventListener("click", () => {
    mode = mode === "dark" ? "light" : "dark";
    keepTheme(mode);
    named();
    wear(mode);
  });
}

async function start() {
  const page = JSON.parse(document.getElementById("page").textContent), mode = preferredTheme();
  document.documentElement.dataset.theme = mode;
  const library = inflate("library"), first = await unpack("blob");
  const designs = Object.fromEntries(Object.entries(first.designs).map(([name, column]) => [name, listOf(column)]));
  const [length, whole] = page.whole_ids || [], longer = new Map(length ? whole.map((id) => [id.slice(0, length), id]) : []);
  if (longer.size) designs.id = designs.id.map((id) => longer.get(id) || id); // of the others the page knows what tells them apart
  const charts = makeCharts(page, { ...first, designs }, mode);
  const complete = designs.id.length ? startPanel(page, designs, charts) : () => {};
  loadLibrary(await library); // after the text and the decision are on screen
  await charts.start();
  wireButtons(charts);
  wireMenus(page, charts);
  wireTables(page);
  wireClosing(charts);
  wireScrolling();
  wireTheme(charts, mode);
  wirePaper(charts);
  if (designs.id.length) complete({ designs, ...(await unpack("blob", 1)) });
  document.documentElement.dataset.ready = "yes";
  await charts.drawAll();
}

start().catch((error) => {
  const note = document.getElementById("trouble");
  note.hidden = false;
  note.textContent = `This page could not be drawn: ${error.message}. A browser from 2023 or later is needed; report.json holds the same answer.`;
  throw error;
});
