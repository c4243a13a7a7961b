// Draws charts when they come near the screen, and passes the panel's state to those that are drawn.
const NO_LIMIT = 1e300;
const OFF_CHARTS = ["more", "screened", "more_screened", "sheet_parts", "sheet_layers"]; // what the table alone shows

function makeCharts(page, datasets, theme) {
  const views = new Map();
  const pending = new Map();
  let mode = theme;
  const rows = {};
  for (const [name, columns] of Object.entries(datasets)) if (!OFF_CHARTS.includes(name)) rows[name] = rowsOf(columns);
  rows.designs = rows.designs.map((row, index) => ({ ...row, row: index })).filter((row) => row.drawn);
  for (const row of rows.designs) {
    for (const [role, factor] of Object.entries(page.factors)) row[`${role}_si`] = row[role] === null ? null : row[role] * factor;
  }
  const places_of = new Map(datasets.designs.id.map((id, row) => [id, row]));
  const signals = { hidden: [], pick: -1, min_accuracy: 0, max_energy: NO_LIMIT, max_latency: NO_LIMIT, max_area: NO_LIMIT };
  const colours = () => ({ ring: page.colours[mode].ring, paper: page.colours[mode].page, ink: page.colours[mode].ink, quiet: page.colours[mode].quiet });

  function patched(vega) {
    for (const source of vega.data) if (source.name in rows) source.values = rows[source.name];
    const known = { ...signals, ...colours() };
    for (const signal of vega.signals || []) if (signal.name in known) signal.value = known[signal.name];
    return vega;
  }

  async function draw(place) {
    const id = place.dataset.chart;
    if (pending.has(id)) return pending.get(id);
    const options = { renderer: "canvas", actions: false, ast: true, config: page.configs[mode], tooltip: { theme: mode }, patch: patched };
    const work = window.vegaEmbed(place, page.figures[id], options).then(({ view }) => {
      views.set(id, view);
      place.view = view; // whoever looks at the page from outside can ask where a mark is
      place.dataset.drawn = "yes";
      view.addEventListener("click", (_, item) => {
        const row = item && item.datum && (item.datum.row ?? places_of.get(item.datum.id)); // a cross names its design
        if (Number.isInteger(row)) charts.onPick(row);
      });
      return view;
    });
    pending.set(id, work);
    return work;
  }

  const places = [...document.querySelectorAll("[data-chart]")];
  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => { watcher.unobserve(entry.target); draw(entry.target); }),
    { rootMargin: "300px" },
  );
  const charts = {
    onPick: () => {},
    start() { places.forEach((place) => watcher.observe(place)); },
    drawAll() { return Promise.all(places.map(draw)); },
    view(id) { return draw(document.querySelector(`[data-chart="${id}"]`)); },
    rows(name) { return rows[name]; },
    push(changes) {
      Object.assign(signals, changes);
      return Promise.all([...views.values()].map((view) => charts.set(view, changes)));
    },
    set(view, changes) {
      const known = view.getState().signals;
      for (const [name, value] of Object.entries(changes)) if (name in known) view.signal(name, value);
      return view.runAsync();
    },
    async retheme(next) {
      mode = next;
      const drawn = places.filter((place) => pending.has(place.dataset.chart));
      const kept = new Map([...views].map(([id, view]) => [id, view.getState().signals]));
      views.forEach((view) => view.finalize());
      views.clear();
      pending.clear();
      await Promise.all(drawn.map(async (place) => {
        const view = await draw(place);
        const before = kept.get(place.dataset.chart) || {};
        const own = Object.fromEntries(["phase", "shares", "only"].filter((name) => name in before).map((name) => [name, before[name]]));
        return charts.set(view, own);
      }));
    },
  };
  return charts;
}

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function savePicture(page, charts, id, kind) {
  const view = await charts.view(id);
  const paper = getComputedStyle(document.body).backgroundColor;
  view.background(paper);
  if (kind === "svg") save(`${page.name}_${id}.svg`, await view.toSVG(), "image/svg+xml");
  else (await view.toCanvas(2)).toBlob((blob) => save(`${page.name}_${id}.png`, blob, "image/png"));
  view.background("transparent");
  await view.runAsync();
}

function csv(rows, names) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t]/.test(text) ? `'${text}` : text; // a spreadsheet must not run a name
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [names.map(cell).join(","), ...rows.map((row) => names.map((name) => cell(row[name])).join(","))].join("\n");
}
