// Keys: / goes to the search, ? opens the help, a letter follows the page's link with that [data-shortcut] (n: new),
// Ctrl+Enter (or Cmd+Enter) sends the form in which the focus is.

const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;

function send(form) {
  const button = form.querySelector('[data-shortcut="ctrl+enter"]') ?? form.querySelector('[type="submit"]:not([formnovalidate])');
  form.requestSubmit(button ?? undefined);
}

const target = (key) =>
  key === "?" ? document.querySelector("[data-help]") : /^[a-z/]$/.test(key) && document.querySelector(`[data-shortcut="${key}"]`);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest('form[method="post"]');
    if (!form) return;
    event.preventDefault();
    send(form);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const found = target(event.key);
  if (!found) return;
  event.preventDefault();
  if (found instanceof HTMLDialogElement) found.showModal();
  else if (found instanceof HTMLInputElement) found.select();
  else found.click();
});

for (const button of document.querySelectorAll("[data-opens-help]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.querySelector("[data-help]").showModal());
}
