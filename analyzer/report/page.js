"use strict";
(() => {
  const config = JSON.parse(document.getElementById("page-data").textContent);

  // Charts: drawn from their figures, in the colours of the page.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const darkOf = {};
  for (const tone of Object.keys(config.light)) darkOf[config.light[tone]] = config.dark[tone];
  const plots = [...document.querySelectorAll(".plot")].map((place) => ({
    place, text: document.getElementById(place.id + "-figure").textContent,
  }));
  const NARROW = 560;
  const ROW_EXTRA = 20;
  const TOP = 8;

  function figure(plot, onDark, width) {
    const drawn = JSON.parse(plot.text, (key, value) => (
      onDark && /color$/.test(key) && typeof value === "string" ? darkOf[value] || value : value
    ));
    drawn.layout.width = width;
    // The page has its own legend, which wraps and is read aloud.
    drawn.layout.showlegend = false;
    drawn.layout.height -= drawn.layout.margin.t - TOP;
    drawn.layout.margin.t = TOP;
    if (width < NARROW && drawn.layout.meta.rows) stackRowHeads(drawn.layout);
    return drawn;
  }

  // Where a row's name and value do not fit beside each other, the value goes below the name.
  function stackRowHeads(layout) {
    layout.height += ROW_EXTRA * layout.meta.rows;
    const notes = layout.annotations;
    notes.forEach((note, i) => {
      if (note.name !== "row-name") return;
      const value = notes[i + 1];
      note.text += "<br><span style=\"color:" + value.font.color + "\">" + value.text + "</span>";
      note.align = "left";
      value.visible = false;
    });
  }

  function draw(onDark, width) {
    for (const plot of plots) {
      const drawn = figure(plot, onDark, width || plot.place.clientWidth);
      Plotly.react(plot.place, drawn.data, drawn.layout, { displayModeBar: false, responsive: false });
    }
  }

  if (plots.length) {
    const redraw = () => draw(dark.matches);
    redraw();
    dark.addEventListener("change", redraw);
    let waiting = 0;
    let lastWidth = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth === lastWidth) return; // a phone's address bar came or went
      lastWidth = innerWidth;
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(redraw);
    });
    const PAPER = 680; // CSS pixels between the margins of A4 and Letter
    addEventListener("beforeprint", () => draw(false, PAPER));
    addEventListener("afterprint", redraw);
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

  // Tables: a heading is a button that sorts; what was not measured stays last.
  const texts = new Intl.Collator("en", { numeric: true });

  function sort(table, heading) {
    const headings = [...heading.parentElement.children];
    const column = headings.indexOf(heading);
    const numeric = heading.classList.contains("number");
    const before = heading.getAttribute("aria-sort");
    const first = numeric ? "descending" : "ascending";
    const other = numeric ? "ascending" : "descending";
    const order = before === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    headings.forEach((one) => one.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order);
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => {
      const cell = row.cells[column];
      const unknown = cell.classList.contains("unknown");
      return { row, unknown, key: numeric ? Number(cell.dataset.value) : cell.textContent };
    });
    rows.sort((a, b) => {
      if (a.unknown || b.unknown) return a.unknown - b.unknown;
      return sign * (numeric ? a.key - b.key : texts.compare(a.key, b.key));
    });
    body.append(...rows.map((one) => one.row));
  }

  for (const table of document.querySelectorAll("table")) {
    if (table.tBodies[0].rows.length < 2) continue;
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, heading));
    }
  }
})();
