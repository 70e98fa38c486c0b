// Keep what is typed in form[data-draft] on the server: some seconds after the last change, and on leaving the page.
// data-draft is where it is sent; what the server says of it stands in [data-draft-said].

const PAUSE = 3000;

let timer;
let changed = false;
let sending; // the last time it was

const draftForm = () => document.querySelector("form[data-draft]");

function typed(form) {
  const data = new FormData(form);
  for (const field of form.querySelectorAll("input[type=password], input[type=file]")) data.delete(field.name);
  return data;
}

async function keep(options = {}) {
  const form = draftForm();
  if (!form || !changed) return;
  clearTimeout(timer);
  changed = false;
  sending = new AbortController();
  const request = { method: "POST", body: typed(form), redirect: "error", signal: sending.signal };
  try {
    const answer = await fetch(form.dataset.draft, { ...request, ...options });
    const said = form.querySelector("[data-draft-said]");
    if (said && (answer.ok || answer.status === 401)) said.textContent = (await answer.json()).said;
    if (answer.ok && !changed) form.dataset.unsaved = ""; // nothing would be lost: unsaved.js need not warn
  } catch (error) {
    changed = error.name !== "AbortError"; // the network is away: the next change tries again, and unsaved.js warns
  }
}

function note(target) {
  if (!target.closest?.("form[data-draft]")) return;
  changed = true;
  clearTimeout(timer);
  timer = setTimeout(keep, PAUSE);
}

document.addEventListener("input", (event) => note(event.target));
document.addEventListener("change", (event) => note(event.target));
document.addEventListener("htmx:afterSettle", () => {
  const form = document.querySelector('form[data-draft][data-unsaved="changed"]');
  if (form) note(form); // a row was added or removed
});

// The form itself is saved by sending it. Another one, as to sign out, waits until what is typed here is kept.
document.addEventListener(
  "submit",
  async (event) => {
    const sent = event.target;
    if (sent === draftForm() || sent.id === "discard-draft") {
      clearTimeout(timer);
      sending?.abort(); // it would come after what it is a draft of
      changed = false;
    } else if (changed && draftForm() && sent.method !== "dialog") {
      event.preventDefault();
      await keep();
      changed = false;
      sent.requestSubmit(event.submitter);
    }
  },
  true,
);

const leave = () => keep({ keepalive: true });
window.addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") leave();
});

// A form that the server sent back holds what is stored nowhere.
const refused = document.querySelector('form[data-draft][data-unsaved="changed"]');
if (refused) note(refused);
