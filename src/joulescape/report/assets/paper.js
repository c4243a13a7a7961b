// The page on paper: every chart is drawn again for it, in the light theme, and taken away afterwards.
const PAPER_PX = 700, COLUMN_PX = 335; // A4 between its margins, and one of two columns of small charts

function wirePaper(charts) {
  const root = document.documentElement;
  let sheets = [], laid = null, worn = null;

  // What a print from the keyboard waits for is this task and the promises that it fulfils: nothing here may wait for more.
  function lay() {
    if (laid) return laid;
    sheets = [...document.querySelectorAll("[data-chart]")].map((place) => {
      const sheet = document.createElement("div");
      sheet.className = "paper";
      sheet.append(document.createElement("div"));
      place.after(sheet);
      return sheet;
    });
    laid = Promise.all(sheets.map((sheet) => {
      const place = sheet.previousElementSibling;
      return charts.paper(sheet.firstChild, place.dataset.chart, place.closest(".small") ? COLUMN_PX : PAPER_PX);
    }));
    return laid;
  }

  addEventListener("beforeprint", () => {
    worn = root.dataset.theme;
    root.dataset.theme = "light";
    lay();
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = worn;
    for (const sheet of sheets) sheet.remove();
    sheets = [];
    laid = null;
  });
  document.getElementById("print").addEventListener("click", async () => {
    await lay();
    print();
  });
}
