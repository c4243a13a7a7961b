// The decision panel: limits in, answer out, charts and table told.
async function copyText(source, button) {
  getSelection().selectAllChildren(source); // a page opened from a file may not write to the clipboard: the text is then selected
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function makePanel(page, columns, told) {
  const byId = (id) => document.getElementById(id);
  const limits = { accuracy: null, energy: null, latency: null, area: null, back_ends: null, ...page.panel.limits };
  const sliders = Object.fromEntries(page.panel.sliders.map((slider) => [slider.role, slider]));
  const STEPS = 1000, PAUSE_MS = 300;
  let more = null, kept = null, chosen = null;
  let top, asked = false; // the best design of the back ends `asked`, whatever the other limits
  const text = (role, row) => show(columns[role][row], page.metrics[role], page);

  function position(slider, value) {
    if (slider.role === "accuracy") return STEPS * (value - slider.low) / (slider.high - slider.low || 1);
    return STEPS * Math.log(value / slider.low) / (Math.log(slider.high / slider.low) || 1);
  }

  function valueAt(slider, place) {
    if (slider.role === "accuracy") return slider.low + (slider.high - slider.low) * place / STEPS;
    return slider.low * (slider.high / slider.low) ** (place / STEPS);
  }

  function shown(slider) {
    const value = limits[slider.role];
    const range = byId(`range-${slider.role}`), number = byId(`number-${slider.role}`);
    const free = slider.role === "accuracy" ? 0 : STEPS;
    range.value = value === null ? free : position(slider, value);
    number.value = value === null ? "" : Number((value / slider.scale).toPrecision(4));
    range.setAttribute("aria-valuetext", value === null ? "no limit" : show(value, slider.metric, page));
  }

  function limitSentence(found) {
    const words = {
      accuracy: (value) => `lower accuracy to ${show(value, page.metrics.accuracy, page)}`,
      energy: (value) => `allow ${show(value, page.metrics.energy, page)} of ${page.panel.words.energy}`,
      latency: (value) => `allow ${show(value, page.metrics.latency, page)} of ${page.panel.words.latency}`,
      area: (value) => `allow ${show(value, page.metrics.area, page)} of area`,
    };
    const ways = Object.entries(found.relaxations).map(([name, value]) => words[name](value));
    return ways.length ? `Nearest way out: ${ways.join("; or ")}.` : "No single limit, relaxed alone, lets a design in.";
  }

  function sentence(row) {
    const costs = ["energy", "latency", "area"].map((cost) => `${text(cost, row)} ${page.panel.words[cost]}`).join(", ");
    const spread = columns.sd[row] === null ? "" : ` ± ${(200 * columns.sd[row]).toFixed(1)} (2 sd)`;
    const what = `${columns.network[row]} on ${columns.back_end[row]}`;
    if (!columns.accuracy) return `${what}: ${costs}.`;
    const test = page.panel.tested[columns.id[row]] || "not confirmed on test";
    const once = columns.draws[row] === 1 ? " (n = 1)" : "";
    return `${what}: accuracy ${text("accuracy", row)}${spread} on validation${once}; ${test}; ${costs}.`;
  }

  function givenUp(top, row) {
    if (columns.accuracy) return `Giving up ${(100 * (columns.accuracy[top] - columns.accuracy[row])).toFixed(1)} points against`;
    const slow = columns.latency[row];
    if (slow === null) return "Against";
    const ratio = slow / columns.latency[top];
    return ratio < 1.05 ? "Staying within 5 % of" : `Taking ${significant(ratio, 2)}× as long as`; // theme.TOLD_APART
  }

  function bestLetIn() {
    if (asked === limits.back_ends) return top;
    const gained = gains(columns), spends = (index) => columns.energy[index] || Infinity;
    let found = null;
    gained.forEach((value, index) => {
      if (value === null || !(limits.back_ends === null || limits.back_ends.includes(columns.back_end[index]))) return;
      const isTied = found !== null && value === gained[found];
      if (found === null || value > gained[found] || (isTied && spends(index) < spends(found))) found = index;
    });
    asked = limits.back_ends;
    top = found;
    return top;
  }

  function why(row) {
    const best = columns.accuracy ? "most accurate" : "fastest", which = limits.back_ends === null ? "" : " let in";
    bestLetIn();
    if (top === null) return "";
    if (row === top) return `It is also the ${best} design${which}.`;
    if (!columns.energy[row] || !columns.energy[top]) return "";
    const ratio = columns.energy[top] / columns.energy[row];
    if (ratio > 1 && ratio < 1.05) return ""; // theme.TOLD_APART
    const change = ratio > 1 ? `cuts energy ${significant(ratio, 2)}×` : "cuts no energy";
    return `${givenUp(top, row)} the ${best} design${which} (${columns.back_end[top]}) ${change}.`;
  }

  // Until the further columns are there, trust and command are those that the page came with: of its own choice.
  function tellMore(row) {
    if (more === null && row === page.picked) return;
    const shares = (more || {}).assumed_energy_fraction || [];
    byId("sure").textContent = row === null ? "" : trustText(page.panel.records[columns.back_end[row]], shares[row], page);
    byId("command").textContent = row === null || more === null ? "" : commandText(columns, more, page.panel.fixed, row);
  }

  function update() {
    page.panel.sliders.forEach(shown);
    byId("looked").textContent = "";
    const found = decide(columns, limits);
    byId("answer").textContent = found.index === null ? "No design meets the limits." : sentence(found.index);
    byId("why").textContent = found.index === null ? limitSentence(found) : why(found.index);
    const row = found.index, bands = page.panel.bands;
    chosen = row;
    byId("range").textContent = row === null ? "" : rangeText(columns, bands, row, page.metrics.energy, page);
    byId("tie").textContent = tieText(
      columns, rivals(columns, found, bands, limits.prefer), judgedBy(columns, limits.prefer),
    );
    tellMore(row);
    for (const [name] of page.back_ends) {
      const line = document.querySelector(`tr[data-back-end="${CSS.escape(name)}"]`), row = found.best[name];
      line.querySelector(".network").textContent = row === undefined ? "" : columns.network[row];
      line.querySelector(".count").textContent = (found.counts[name] || 0).toLocaleString("en-US");
      for (const role of Object.keys(page.metrics)) {
        line.querySelector(`.${role}`).textContent = row === undefined ? "–" : text(role, row);
      }
      line.classList.toggle("chosen", found.index !== null && columns.back_end[found.index] === name);
    }
    remember();
    told({ found, limits, signals: {
      min_accuracy: limits.accuracy || 0,
      ...Object.fromEntries(COSTS.map((cost) => [`max_${cost}`, limits[cost] === null ? NO_LIMIT : limits[cost]])),
      hidden: limits.back_ends === null ? [] : page.back_ends.map(([name]) => name).filter((name) => !limits.back_ends.includes(name)),
      pick: found.index === null ? -1 : found.index,
      bests: Object.values(found.best),
    } });
  }

  // The address is written after a pause: a browser takes few changes a second.
  function remember() {
    clearTimeout(kept);
    kept = setTimeout(write, PAUSE_MS);
  }

  function write() {
    const said = new URLSearchParams();
    for (const role of Object.keys(sliders)) if (limits[role] !== null) said.set(role, limits[role]);
    for (const name of limits.back_ends === null ? [] : ["", ...limits.back_ends]) said.append("back_end", name);
    said.set("prefer", limits.prefer);
    history.replaceState(null, "", `#${said}`);
  }

  // The choice that the address holds; an address without one leaves the choice as it is.
  function recall() {
    const said = new URLSearchParams(location.hash.slice(1));
    if (!said.has("prefer")) return false;
    for (const role of Object.keys(sliders)) {
      const value = parseFloat(said.get(role));
      limits[role] = value > 0 && Number.isFinite(value) ? value : null;
    }
    const names = page.back_ends.map(([name]) => name).filter((name) => said.getAll("back_end").includes(name));
    limits.back_ends = said.has("back_end") ? names : null;
    if ([...byId("prefer").options].some((option) => option.value === said.get("prefer"))) limits.prefer = said.get("prefer");
    return true;
  }

  function showChoices() {
    for (const box of boxes) box.checked = limits.back_ends === null || limits.back_ends.includes(box.dataset.backEnd);
    byId("prefer").value = limits.prefer;
  }

  const boxes = [...document.querySelectorAll("input[data-back-end]")];

  function listen() {
    for (const slider of page.panel.sliders) {
      const free = slider.role === "accuracy" ? 0 : STEPS;
      byId(`range-${slider.role}`).addEventListener("input", (event) => {
        const place = Number(event.target.value);
        limits[slider.role] = place === free ? null : Number(valueAt(slider, place).toPrecision(4));
        update();
      });
      byId(`number-${slider.role}`).addEventListener("change", (event) => {
        const typed = parseFloat(event.target.value);
        const isEmptied = event.target.value === "" && !event.target.validity.badInput;
        if (typed > 0) limits[slider.role] = Number((typed * slider.scale).toPrecision(6));
        else if (isEmptied || typed === 0) limits[slider.role] = null; // what is no number keeps the limit
        update();
      });
    }
    boxes.forEach((box) => {
      box.addEventListener("change", () => {
        const on = boxes.filter((other) => other.checked).map((other) => other.dataset.backEnd);
        limits.back_ends = on.length === boxes.length ? null : on;
        update();
      });
    });
    byId("prefer").addEventListener("change", (event) => { limits.prefer = event.target.value; update(); });
    byId("copy").addEventListener("click", () => copyText(byId("command"), byId("copy")));
    byId("reset").addEventListener("click", () => {
      Object.assign(limits, page.panel.limits);
      showChoices();
      update();
    });
    addEventListener("hashchange", () => { // a link to a section takes the choice out of the address: it is put back
      if (!recall()) { write(); return; }
      showChoices();
      update();
    });
  }

  recall();
  showChoices();
  listen();
  return {
    update,
    sentence,
    know(found) { more = found; tellMore(chosen); },
  };
}
