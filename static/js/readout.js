// Charts: a mark with data-readout shows that text under the chart when the pointer is on it or near it, or it has
// the focus.
// Tab enters the chart at one mark; arrow keys, Home and End go through the others in document order.

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

// Pixels from a mark within which the pointer means it, where it is on none.
const NEAR = 48;

function distance(mark, event) {
  const { left, right, top, bottom } = mark.querySelector("circle, rect, path, text").getBoundingClientRect();
  const beside = Math.max(left - event.clientX, 0, event.clientX - right);
  return Math.hypot(beside, Math.max(top - event.clientY, 0, event.clientY - bottom));
}

function nearest(marks, event) {
  const far = marks.map((mark) => distance(mark, event));
  const least = Math.min(...far);
  return least <= NEAR ? marks[far.indexOf(least)] : undefined;
}

function readoutOf(svg) {
  const chart = svg.closest(".chart") ?? svg.parentElement;
  let readout = chart.querySelector(".chart-readout");
  if (!readout) {
    readout = document.createElement("p");
    readout.className = "chart-readout";
    svg.after(readout);
  }
  readout.setAttribute("aria-live", "polite");
  return readout;
}

function prepare(svg) {
  const marks = [...svg.querySelectorAll("[data-readout]")];
  if (marks.length === 0 || svg.dataset.readoutReady) return;
  svg.dataset.readoutReady = "true";
  if (svg.getAttribute("role") === "img") svg.setAttribute("role", "group");
  const readout = readoutOf(svg);
  const show = (mark) => {
    readout.textContent = mark ? mark.dataset.readout : "";
  };
  const enter = (mark) => {
    for (const other of marks) other.setAttribute("tabindex", other === mark ? "0" : "-1");
  };

  for (const mark of marks) {
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", mark.dataset.readout);
    mark.addEventListener("focus", () => {
      enter(mark);
      show(mark);
    });
    mark.addEventListener("blur", () => show(null));
  }
  enter(marks[0]);

  const focused = () => marks.find((mark) => mark === document.activeElement);
  svg.addEventListener("pointermove", (event) => {
    show(event.target.closest("[data-readout]") ?? nearest(marks, event) ?? focused());
  });
  svg.addEventListener("pointerleave", () => show(focused()));

  svg.addEventListener("keydown", (event) => {
    const at = marks.indexOf(event.target);
    if (at < 0) return;
    let next = at + (STEPS[event.key] ?? 0);
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = marks.length - 1;
    if (next === at || !marks[next]) return;
    event.preventDefault();
    marks[next].focus();
  });
}

const prepareAll = (root) => root.querySelectorAll("svg").forEach(prepare);

prepareAll(document);
document.addEventListener("htmx:afterSwap", (event) => prepareAll(event.target.parentElement ?? document));
