// A partial update that failed would leave the page as it was and say nothing: show [data-failures] instead.

const notice = document.querySelector("[data-failures]");

if (notice) {
  const show = () => {
    notice.hidden = false;
    notice.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("htmx:responseError", show);
  document.addEventListener("htmx:sendError", show);
  document.addEventListener("htmx:timeout", show);
  document.addEventListener("htmx:beforeRequest", () => {
    notice.hidden = true;
  });
}
