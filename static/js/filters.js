// A form[data-filters] is sent when a field of it changes, without its empty fields, so that addresses stay short.
// Its [data-filters-submit] button is for browsers without script.

const hideButtons = () => {
  for (const button of document.querySelectorAll("[data-filters-submit]")) button.hidden = true;
};

hideButtons();
document.addEventListener("htmx:afterSwap", hideButtons);

document.addEventListener("change", (event) => {
  event.target.closest("form[data-filters]")?.requestSubmit();
});

document.addEventListener("formdata", (event) => {
  if (!event.target.matches("form[data-filters]")) return;
  for (const name of new Set(event.formData.keys())) {
    const values = event.formData.getAll(name).filter((value) => value !== "");
    event.formData.delete(name);
    for (const value of values) event.formData.append(name, value);
  }
});
