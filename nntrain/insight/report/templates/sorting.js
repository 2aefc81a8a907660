for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.tHead.querySelectorAll("button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => {
        const text = row.cells[column].dataset.key ?? row.cells[column].textContent;
        return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
      };
      const order = (x, y) => (typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === "number" ? -1 : 1);
      const keyed = [...body.rows].map((row) => [key(row), row]);
      body.append(...keyed.sort((a, b) => (up ? 1 : -1) * order(a[0], b[0])).map((pair) => pair[1]));
    });
  });
  const place = document.createElement("p"), label = document.createElement("label");
  const box = document.createElement("input"), told = document.createElement("span");
  place.className = "search";
  box.type = "search";
  told.setAttribute("role", "status");
  label.append("Show rows with ", box);
  place.append(label, " ", told);
  table.parentNode.before(place);
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    told.textContent = words.length ? `${shown} of ${body.rows.length}` : "";
  });
}
