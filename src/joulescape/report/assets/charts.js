// Draws charts when they come near the screen, and passes the panel's state to those that are on it.
const NO_LIMIT = 1e300;
const FINGER_PX = 22;
const AXES_PX = 47; // of a chart's height, besides its marks
const PAPER_SCALE = 2.5; // 240 pixels an inch
const MANY_ROWS = 1500; // a chart of more is drawn when it comes near the screen, and let go when it leaves

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

// Rows of the data that a chart names.
function rowsDrawn(figure, rows) {
  const names = new Set(Array.from(JSON.stringify(figure).matchAll(/"data":\{"name":"([^"]+)"/g), ([, name]) => name));
  return [...names].reduce((found, name) => found + (rows[name] || []).length, 0);
}

// What Vega is given: the rows, the state, and the height of a chart with so many pixels a row, which is as high as the rows it shows.
function furnished(vega, rows, known) {
  const step = vega.usermeta && vega.usermeta.step;
  if (step) {
    const scale = vega.scales.find(({ name }) => name === "y");
    scale.range = { step };
    delete vega.height;
    const space = `bandspace(length(domain('y')), ${scale.paddingInner || 0}, ${scale.paddingOuter || 0})`;
    vega.signals = [...(vega.signals || []), { name: "height", update: `${step} * ${space}` }];
  }
  for (const source of vega.data) if (source.name in rows) source.values = rows[source.name];
  for (const signal of vega.signals || []) if (signal.name in known) signal.value = known[signal.name];
  return vega;
}

// The point nearest to a place of the plot, by the middle of its mark, within the breadth of a finger.
function nearest(scene, x, y) {
  let found = null, least = FINGER_PX;
  const look = (item) => {
    for (const inner of item.items || []) look(inner);
    const away = item.mark && item.mark.marktype === "symbol" ? Math.hypot(item.x - x, item.y - y) : Infinity;
    if (away < least && item.opacity > 0) [found, least] = [item, away];
  };
  look(scene);
  return found;
}

// A click on a point picks its design. Vega's click knows no item where a finger has pressed: what was touched is kept, or the
// nearest. A finger that moves on moves the page, and the browser then tells of no click.
function wirePicking(view, rowOf, picked) {
  let touch = null;
  view.addEventListener("touchstart", (event, item) => { touch = { item, at: event.changedTouches[0] }; });
  view.addEventListener("click", (event, item) => {
    let hit = item;
    if (touch && Math.hypot(event.clientX - touch.at.clientX, event.clientY - touch.at.clientY) > FINGER_PX) touch = null; // it moved the page
    if (touch && rowOf(item && item.datum) === null) {
      const box = view.container().querySelector("canvas").getBoundingClientRect(), [left, top] = view.origin(), gap = view.padding();
      const near = nearest(view.scenegraph().root, touch.at.clientX - box.left - gap.left - left, touch.at.clientY - box.top - gap.top - top);
      hit = rowOf(touch.item && touch.item.datum) === null ? near : touch.item;
    }
    touch = null;
    const row = rowOf(hit && hit.datum);
    if (row !== null) picked(row);
  });
}

function makeCharts(page, datasets, theme) {
  const views = new Map(), pending = new Map(), kept = new Map(), near = new Set(), stale = new Set();
  let mode = theme, pushing = null, isWaiting = false, brushed = null, corners = null;
  const rows = Object.fromEntries(Object.entries(datasets).filter(([name]) => name !== "designs").map(([name, columns]) => [name, rowsOf(columns)]));
  rows.designs = drawnRows(datasets.designs, page.factors);
  const signals = { hidden: [], pick: -1, min_accuracy: 0, max_energy: NO_LIMIT, max_latency: NO_LIMIT, max_area: NO_LIMIT };
  const colours = (worn) => ({ ring: page.colours[worn].ring, paper: page.colours[worn].page, ink: page.colours[worn].ink, quiet: page.colours[worn].quiet });
  const rowOf = (datum) => { // a cross names its design
    const row = datum ? (datum.row ?? datasets.designs.id.indexOf(datum.id)) : -1;
    return Number.isInteger(row) && row >= 0 ? row : null;
  };
  const heavy = new Set(Object.keys(page.figures).filter((id) => rowsDrawn(page.figures[id], rows) > MANY_ROWS));

  function embed(place, id, worn, renderer, properties) {
    const patch = (vega) => furnished(vega, rows, { ...signals, ...colours(worn), ...kept.get(id) });
    const options = { renderer, actions: false, ast: true, config: page.configs[worn], tooltip: { theme: worn }, patch };
    return window.vegaEmbed(place, { ...page.figures[id], ...properties }, options);
  }

  async function draw(place) {
    const id = place.dataset.chart;
    if (pending.has(id)) return pending.get(id);
    if (place.childElementCount) hold(place);
    const work = embed(place, id, mode, "canvas").then(async ({ view }) => {
      if (pending.get(id) !== work) { // forgotten meanwhile, for another theme
        view.finalize();
        return draw(place);
      }
      place.style.minHeight = "";
      views.set(id, { view, names: new Set(Object.keys(view.getState().signals)) });
      place.view = view; // whoever looks at the page from outside can ask where a mark is
      place.dataset.drawn = "yes";
      wirePicking(view, rowOf, (row) => charts.onPick(row));
      if (views.get(id).names.has("brush")) view.addSignalListener("brush", (_, area) => marked(id, area));
      if (brushed === id) await mark(view, corners);
      return view;
    });
    pending.set(id, work);
    return work;
  }

  // A chart as the panel stands: drawn if it is not, and told what it missed while it was off screen or being drawn.
  async function fresh(place) {
    const view = await draw(place), id = place.dataset.chart;
    if (stale.delete(id)) await tell(id, signals);
    return view;
  }

  // What stands below a chart stays in its place while the chart is drawn anew.
  function hold(place) {
    place.style.minHeight = `${place.offsetHeight}px`;
  }

  function forget(place) {
    const id = place.dataset.chart;
    if (views.has(id)) views.get(id).view.finalize();
    for (const known of [views, pending, stale]) known.delete(id);
    delete place.dataset.drawn;
  }

  function empty(place) {
    hold(place);
    for (const canvas of place.querySelectorAll("canvas")) canvas.width = 0; // its pixels go at once, not when memory is next swept
    place.replaceChildren();
    delete place.view;
  }

  // A chart of many marks that is far from the screen is let go, and drawn anew when it comes back: its place stays as high.
  async function letGo(place) {
    const id = place.dataset.chart;
    await pending.get(id);
    if (near.has(id) || brushed === id || !views.has(id)) return;
    forget(place);
    empty(place);
  }

  // An area marked in one chart is the only one.
  function marked(id, area) {
    if (!Object.keys(area).length) { if (brushed === id) charts.onMark(brushed = null); return; }
    if (brushed !== null && brushed !== id) clear(brushed);
    brushed = id;
    charts.onMark(area);
  }

  function mark(view, [x, y]) {
    return view.signal("brush_x", x).signal("brush_y", y).runAsync();
  }

  async function clear(id) {
    return mark(await charts.view(id), [[], []]);
  }

  function tell(id, changes) {
    if (!views.has(id)) return null; // let go meanwhile: it comes back as it would have been told
    const { view, names } = views.get(id), told = Object.entries(changes).filter(([name]) => names.has(name));
    for (const [name, value] of told) view.signal(name, value);
    return told.length ? view.runAsync() : view;
  }

  // Only charts on screen are told at once; one that comes to it later, or is still being drawn, is told then.
  async function pushAll() {
    do {
      isWaiting = false;
      const now = { ...signals };
      await Promise.all([...pending.keys()].map((id) => {
        if (near.has(id) && views.has(id)) return tell(id, now);
        stale.add(id);
        return null;
      }));
    } while (isWaiting);
    pushing = null;
  }

  async function seen(place) {
    near.add(place.dataset.chart);
    await fresh(place);
  }

  const places = [...document.querySelectorAll("[data-chart]")];
  const isLight = (place) => !heavy.has(place.dataset.chart);

  // Calls `enter` and `leave` for charts that come within so much of the screen, or go; waits for what the first call does.
  function watch(watched, margin, enter, leave) {
    return new Promise((done) => {
      const each = (entry) => (entry.isIntersecting ? enter : leave)(entry.target);
      const watcher = new IntersectionObserver((entries) => { done(Promise.all(entries.map(each))); }, { rootMargin: margin });
      watched.forEach((place) => watcher.observe(place));
      if (!watched.length) done();
    });
  }

  const charts = {
    onPick: () => {},
    onMark: () => {}, // an area by the fields of its two axes, or null
    unmark() { return brushed === null ? null : clear(brushed); },
    async start() {
      for (const place of places.filter((one) => !isLight(one))) {
        place.dataset.later = "yes";
        place.style.minHeight = `${page.figures[place.dataset.chart].height + AXES_PX}px`;
      }
      await watch(places, "200px", seen, (place) => near.delete(place.dataset.chart));
      watch(places.filter((place) => !isLight(place)), "700px", () => {}, (place) => {
        near.delete(place.dataset.chart); // which of two observers is told first is not settled
        letGo(place);
      });
    },
    async drawAll() {
      for (const place of places.filter(isLight)) {
        await fresh(place);
        await new Promise((go) => { setTimeout(go); }); // what the reader does comes between two charts
      }
    },
    // A chart for paper, so wide, in the light theme: lines and letters, or pixels where there are thousands of marks.
    async paper(place, id, width) {
      const { view } = await embed(place, id, "light", heavy.has(id) ? "none" : "svg", { width });
      if (heavy.has(id)) place.replaceChildren(await view.toCanvas(PAPER_SCALE));
      view.finalize();
    },
    view(id) { return fresh(document.querySelector(`[data-chart="${id}"]`)); },
    rows(name) { return rows[name]; },
    push(changes) {
      Object.assign(signals, changes);
      if (pushing) isWaiting = true; // the limits moved on meanwhile: only their last place is drawn
      else pushing = pushAll();
      return pushing;
    },
    async set(id, changes) {
      kept.set(id, { ...kept.get(id), ...changes });
      if (heavy.has(id) && !pending.has(id)) return null; // drawn with them when it comes near
      await charts.view(id);
      return tell(id, changes);
    },
    async retheme(next) {
      mode = next;
      if (views.has(brushed)) corners = ["brush_x", "brush_y"].map((name) => views.get(brushed).view.signal(name));
      const drawn = places.filter((place) => pending.has(place.dataset.chart));
      const isShown = ({ dataset }) => near.has(dataset.chart) || brushed === dataset.chart;
      drawn.forEach(forget);
      drawn.filter((place) => !isLight(place) && !isShown(place)).forEach(empty);
      await Promise.all(drawn.filter(isShown).map(fresh));
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
