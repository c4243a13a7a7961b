// Draws charts when they come near the screen, and passes the panel's state to those that are on it.
const NO_LIMIT = 1e300;

// The drawn designs, with costs in SI base units.
function drawnRows(columns, factors) {
  const names = Object.keys(columns), rows = [];
  for (let row = 0; row < columns.id.length; row += 1) {
    if (!columns.drawn[row]) continue;
    const made = { row };
    for (const name of names) made[name] = columns[name].at(row);
    for (const [role, factor] of Object.entries(factors)) made[`${role}_si`] = made[role] === null ? null : made[role] * factor;
    rows.push(made);
  }
  return rows;
}

function makeCharts(page, datasets, theme) {
  const views = new Map(), pending = new Map(), kept = new Map(), near = new Set(), stale = new Set();
  let mode = theme, pushing = null, isWaiting = false, brushed = null;
  const rows = Object.fromEntries(Object.entries(datasets).filter(([name]) => name !== "designs").map(([name, columns]) => [name, rowsOf(columns)]));
  rows.designs = drawnRows(datasets.designs, page.factors);
  const signals = { hidden: [], pick: -1, min_accuracy: 0, max_energy: NO_LIMIT, max_latency: NO_LIMIT, max_area: NO_LIMIT };
  const colours = () => ({ ring: page.colours[mode].ring, paper: page.colours[mode].page, ink: page.colours[mode].ink, quiet: page.colours[mode].quiet });
  const rowOf = (id) => datasets.designs.id.indexOf(id);

  async function draw(place) {
    const id = place.dataset.chart;
    if (pending.has(id)) return pending.get(id);
    const patch = (vega) => {
      const step = vega.usermeta && vega.usermeta.step; // pixels a row: the chart is as high as the rows that it shows
    if (step) {
      const scale = vega.scales.find(({ name }) => name === "y");
      scale.range = { step };
      delete vega.height;
      const space = `bandspace(length(domain('y')), ${scale.paddingInner || 0}, ${scale.paddingOuter || 0})`;
      vega.signals = [...(vega.signals || []), { name: "height", update: `${step} * ${space}` }];
    }
    for (const source of vega.data) if (source.name in rows) source.values = rows[source.name];
      const known = { ...signals, ...colours(), ...kept.get(id) };
      for (const signal of vega.signals || []) if (signal.name in known) signal.value = known[signal.name];
      return vega;
    };
    const options = { renderer: "canvas", actions: false, ast: true, config: page.configs[mode], tooltip: { theme: mode }, patch };
    const work = window.vegaEmbed(place, page.figures[id], options).then(({ view }) => {
      views.set(id, { view, names: new Set(Object.keys(view.getState().signals)) });
      place.view = view; // whoever looks at the page from outside can ask where a mark is
      place.dataset.drawn = "yes";
      view.addEventListener("click", (_, item) => {
        const row = item && item.datum && (item.datum.row ?? rowOf(item.datum.id)); // a cross names its design
        if (Number.isInteger(row) && row >= 0) charts.onPick(row);
      });
      if (views.get(id).names.has("brush")) view.addSignalListener("brush", (_, area) => marked(id, area));
      return view;
    });
    pending.set(id, work);
    return work;
  }

  // An area marked in one chart is the only one.
  function marked(id, area) {
    if (!Object.keys(area).length) { if (brushed === id) charts.onMark(brushed = null); return; }
    if (brushed !== null && brushed !== id) clear(brushed);
    brushed = id;
    charts.onMark(area);
  }

  function clear(id) {
    const { view } = views.get(id);
    return view.signal("brush_x", []).signal("brush_y", []).runAsync();
  }

  function tell(id, changes) {
    const { view, names } = views.get(id), told = Object.entries(changes).filter(([name]) => names.has(name));
    for (const [name, value] of told) view.signal(name, value);
    return told.length ? view.runAsync() : view;
  }

  // Only charts on screen are told at once; one that comes to it later is told then.
  async function pushAll() {
    do {
      isWaiting = false;
      const now = { ...signals };
      await Promise.all([...views.keys()].map((id) => {
        if (near.has(id)) return tell(id, now);
        stale.add(id);
        return null;
      }));
    } while (isWaiting);
    pushing = null;
  }

  async function seen(entry) {
    const id = entry.target.dataset.chart;
    if (!entry.isIntersecting) { near.delete(id); return; }
    near.add(id);
    await draw(entry.target);
    if (stale.delete(id)) await tell(id, signals);
  }

  const places = [...document.querySelectorAll("[data-chart]")];
  const charts = {
    onPick: () => {},
    onMark: () => {}, // an area by the fields of its two axes, or null
    unmark() { return brushed === null ? null : clear(brushed); },
    start() {
      return new Promise((drawn) => {
        const watcher = new IntersectionObserver((entries) => { drawn(Promise.all(entries.map(seen))); }, { rootMargin: "100px" });
        places.forEach((place) => watcher.observe(place));
        if (!places.length) drawn();
      });
    },
    async drawAll() {
      for (const place of places) {
        await draw(place);
        if (stale.delete(place.dataset.chart)) await tell(place.dataset.chart, signals);
        await new Promise((go) => { setTimeout(go); }); // what the reader does comes between two charts
      }
    },
    view(id) { return draw(document.querySelector(`[data-chart="${id}"]`)); },
    rows(name) { return rows[name]; },
    push(changes) {
      Object.assign(signals, changes);
      if (pushing) isWaiting = true; // the limits moved on meanwhile: only their last place is drawn
      else pushing = pushAll();
      return pushing;
    },
    async set(id, changes) {
      kept.set(id, { ...kept.get(id), ...changes });
      await charts.view(id);
      return tell(id, changes);
    },
    async retheme(next) {
      mode = next;
      if (brushed !== null) charts.onMark(brushed = null);
      const drawn = places.filter((place) => pending.has(place.dataset.chart));
      await Promise.all(pending.values());
      views.forEach(({ view }) => view.finalize());
      for (const known of [views, pending, stale]) known.clear();
      for (const place of drawn) delete place.dataset.drawn;
      await Promise.all(drawn.filter((place) => near.has(place.dataset.chart)).map(draw));
      await charts.drawAll();
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
