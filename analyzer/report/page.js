"use strict";
(() => {
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
