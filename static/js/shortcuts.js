// Keys: / goes to the search, n follows the page's [data-shortcut="n"] link, ? opens the help,
// Ctrl+Enter (or Cmd+Enter) sends the form in which the focus is.

const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;

function send(form) {
  const button = form.querySelector('[data-shortcut="ctrl+enter"]') ?? form.querySelector('[type="submit"]:not([formnovalidate])');
  form.requestSubmit(button ?? undefined);
}

const actions = {
  "/": () => document.querySelector('[data-shortcut="/"]'),
  n: () => document.querySelector('[data-shortcut="n"]'),
  "?": () => document.querySelector("[data-help]"),
};

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
  const target = actions[event.key]?.();
  if (!target) return;
  event.preventDefault();
  if (target instanceof HTMLDialogElement) target.showModal();
  else if (target instanceof HTMLInputElement) target.select();
  else target.click();
});

for (const button of document.querySelectorAll("[data-opens-help]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.querySelector("[data-help]").showModal());
}
