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
    group.addEventListener("click", async (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const other of group.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
      const value = JSON.parse(button.dataset.value);
      for (const id of group.dataset.charts.split(" ")) charts.set(await charts.view(id), { [group.dataset.signal]: value });
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

async function loadLibrary() {
  const script = document.createElement("script");
  script.textContent = await inflate("library");
  document.head.append(script);
}

async function start() {
  const page = JSON.parse(document.getElementById("page").textContent);
  let mode = preferredTheme();
  document.documentElement.dataset.theme = mode;
  const datasets = await unpack("blob");
  const hasDesigns = datasets.designs.id.length > 0;
  const charts = makeCharts(page, datasets, mode);
  if (hasDesigns) {
    const table = makeTable(page, datasets);
    let sheet = null;
    const panel = makePanel(page, datasets.designs, datasets.more, ({ found, limits, signals }) => {
      table.limit(limits);
      charts.push(signals);
      if (sheet && found.index !== null) sheet.open(found.index);
    });
    sheet = makeSheet(page, datasets, panel.sentence);
    panel.update();
    charts.onPick = (row) => {
      document.getElementById("looked").textContent = `Clicked: ${panel.sentence(row)}`;
      charts.push({ pick: row });
      sheet.open(row);
    };
    addEventListener("beforeprint", () => table.print());
    addEventListener("afterprint", () => table.screen());
  }
  await loadLibrary(); // after the text, the decision and the table are on screen
  charts.start();
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 1500));
  idle(() => charts.drawAll()); // so that printing from the keyboard finds every chart drawn
  wireButtons(charts);
  wireMenus(page, charts);
  const toggle = document.getElementById("theme");
  const named = () => { toggle.textContent = mode === "dark" ? "Light" : "Dark"; };
  named();
  toggle.addEventListener("click", () => {
    mode = mode === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = mode;
    keepTheme(mode);
    named();
    charts.retheme(mode);
  });
  document.getElementById("print").addEventListener("click", async () => {
    document.documentElement.dataset.theme = "light";
    if (mode === "dark") await charts.retheme("light");
    await charts.drawAll();
    print();
    document.documentElement.dataset.theme = mode;
    if (mode === "dark") await charts.retheme("dark");
  });
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  const note = document.getElementById("trouble");
  note.hidden = false;
  note.textContent = `This page could not be drawn: ${error.message}. A browser from 2023 or later is needed; report.json holds the same answer.`;
  throw error;
});
