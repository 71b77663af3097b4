"use strict";
// Says what the cell under the pointer or the arrow keys holds, from the table below the picture.
for (const box of document.querySelectorAll(".cells")) {
  const section = box.parentElement;
  const [columns, rows, side, edge] = ["columns", "rows", "side", "edge"].map((k) => +box.dataset[k]);
  const svg = box.querySelector("svg");
  const cursor = box.querySelector(".cursor");
  const told = section.querySelector(".told");
  const details = section.querySelector("details");
  const heads = [...details.querySelectorAll("thead th")].map((th) => th.textContent);
  const lines = details.querySelector("tbody").rows;
  let cell = -1;
  const go = (next) => {
    cell = next;
    cursor.setAttribute("x", edge + (cell % columns) * side);
    cursor.setAttribute("y", edge + Math.floor(cell / columns) * side);
    cursor.setAttribute("visibility", "visible");
    const [where, of, wrong, analytic, numeric, give, error, verdict] =
      [...lines[cell].cells].map((td) => td.textContent);
    const among = +of.replace(/,/g, "") > 1 ? ` (worst of ${of}, ${wrong} wrong)` : "";
    told.textContent = `${where}${among}: ${verdict}; ${heads[3]} ${analytic}, ${heads[4]} ${numeric}`
      + ` ± ${give}, ${heads[6]} ${error}`;
  };
  const show = () => {
    details.open = true;
    for (const line of details.querySelectorAll(".here")) line.classList.remove("here");
    lines[cell].classList.add("here");
    lines[cell].scrollIntoView({ block: "nearest" });
  };
  const under = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const [column, row] = [Math.floor((at.x - edge) / side), Math.floor((at.y - edge) / side)];
    return column >= 0 && column < columns && row >= 0 && row < rows ? row * columns + column : -1;
  };
  box.tabIndex = 0;
  box.setAttribute("role", "application");
  box.setAttribute("aria-label", `Cells of ${box.dataset.name}: arrow keys move, Enter shows the row`);
  box.addEventListener("pointermove", (event) => { if (under(event) >= 0) go(under(event)); });
  box.addEventListener("click", (event) => { if (under(event) >= 0) { go(under(event)); show(); } });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step) {
      event.preventDefault();
      if (cell < 0) go(0);
      else if (cell + step >= 0 && cell + step < columns * rows) go(cell + step);
    } else if (event.key === "Enter" && cell >= 0) show();
  });
}
