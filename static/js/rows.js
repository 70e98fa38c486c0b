// After htmx has added, removed or filled rows of a form ([data-rows]), put the focus where the person goes on.

let asked = null;

document.addEventListener("htmx:beforeRequest", (event) => {
  const button = event.target.closest?.("[data-rows] button");
  asked = button && { rows: button.closest("[data-rows]").dataset.rows, added: button.name === "add" };
});

document.addEventListener("htmx:afterSettle", () => {
  if (!asked) return;
  const rows = document.querySelector(`[data-rows="${CSS.escape(asked.rows)}"]`);
  const row = asked.added && [...(rows?.querySelectorAll("[data-row]") ?? [])].at(-1);
  const first = "input:not([type=hidden]), select, textarea";
  (row ? row.querySelector(first) : (rows?.querySelector('button[name="add"]') ?? rows?.querySelector(first)))?.focus();
  asked = null;
});
