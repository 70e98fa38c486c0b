// Warn before leaving a form[data-unsaved] that was changed and not sent. data-unsaved="changed" says that the
// server sent it back, so what is typed is stored nowhere.

let leaving = false;

const changed = () => document.querySelector('form[data-unsaved="changed"]') !== null;

function note(event) {
  const form = event.target.closest?.("form[data-unsaved]");
  if (form) form.dataset.unsaved = "changed";
}

document.addEventListener("input", note);
document.addEventListener("change", note);
document.addEventListener("submit", (event) => {
  leaving = !event.defaultPrevented;
});
window.addEventListener("pageshow", () => {
  leaving = false;
});
window.addEventListener("beforeunload", (event) => {
  if (!leaving && changed()) event.preventDefault();
});
