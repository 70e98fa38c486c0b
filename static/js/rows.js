// After htmx has added or removed a row of a form ([data-rows]), put the focus where the person goes on.

let asked = null;

document.addEventListener("htmx:beforeRequest", (event) => {
  const button = event.target.closest?.("[data-rows] button");
  asked = button && { rows: button.closest("[data-rows]").dataset.rows, added: button.name === "add" };
});

document.addEventListener("htmx:afterSettle", () => {
  if (!asked) return;
  const rows = document.querySelector(`[data-rows="${CSS.escape(asked.rows)}"]`);
  const row = asked.added && [...(rows?.querySelectorAll("[data-row]") ?? [])].at(-1);
  (row ? row.querySelector("input:not([type=hidden]), select, textarea") : rows?.querySelector('button[name="add"]'))?.focus();
  asked = null;
});
