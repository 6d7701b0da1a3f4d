"use strict";
(() => {
  const config = JSON.parse(document.getElementById("page-data").textContent);

  // Charts: drawn from their figures, in the colours of the page.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const darkOf = {};
  for (const tone of Object.keys(config.light)) darkOf[config.light[tone]] = config.dark[tone];
  const plots = [...document.querySelectorAll(".plot[id]")].map((place) => ({
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

  for (const plot of plots) plot.place.replaceChildren(); // plotly draws where the still picture was
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
})();
