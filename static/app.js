// The little that HTML and htmx cannot do by themselves. Everything works without it but live parts.

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-theme-toggle]");
  if (toggle) {
    const theme = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    document.documentElement.dataset.bsTheme = theme;
    localStorage.setItem("theme", theme);
  }
  if (event.target.closest("[data-print]")) window.print();
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.closest(dismiss.dataset.dismiss).remove();
  const close = event.target.closest("[data-close]");
  if (close?.closest("dialog")) {
    event.preventDefault();
    close.closest("dialog").close();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// arrows go from tab to tab, and up and down in a menu of links and buttons
const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  const sideways = event.key === "ArrowRight" || event.key === "ArrowLeft";
  const list = step && event.target.closest(sideways ? "[role=tablist]" : "details.menu[open]");
  const places = [...(list?.querySelectorAll(sideways ? "[role=tab]" : "summary, .menu-item") ?? [])];
  const here = places.indexOf(event.target);
  if (here < 0 || places.length < 2) return;
  event.preventDefault();
  places[(here + step + places.length) % places.length].focus();
});

// what a dialog was opened from gets the focus back, also if the dialog has replaced itself meanwhile
let opener;

function openDialogs(source) {
  if (source && !source.closest("dialog")) opener = source;
  for (const dialog of document.querySelectorAll("dialog[data-open]:not([open])")) {
    dialog.showModal();
    const field = dialog.querySelector("[aria-invalid=true]") ?? dialog.querySelector("input:not([type=hidden])");
    field?.focus();
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
    });
  }
}

// times say how long ago they were, by the server's clock
const ahead = Date.now() - Number(document.querySelector("meta[name=now]").content);

function ago(seconds) {
  const distance = Math.abs(seconds);
  if (distance < 10) return "now";
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const [unit, size] = units.find(([, length]) => distance >= length);
  const text = `${Math.floor(distance / size)} ${unit}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

setInterval(() => {
  for (const part of document.querySelectorAll("time .ago")) {
    const then = Date.parse(part.closest("time").dateTime);
    part.textContent = ago((Date.now() - ahead - then) / 1000);
  }
}, 10_000);

// "updated 3 s ago" counts on between refreshes
setInterval(() => {
  for (const stamp of document.querySelectorAll("[data-updated]")) {
    const seconds = Math.round((Date.now() - Number(stamp.dataset.updated)) / 1000);
    stamp.textContent = seconds < 2 ? "updated just now" : `updated ${seconds} s ago`;
  }
}, 1000);

function stampUpdates(root) {
  for (const stamp of root.querySelectorAll("[data-updated='']")) stamp.dataset.updated = Date.now();
}

function showConnection(lost) {
  document.getElementById("offline").hidden = !lost;
}

// the tab's title goes with what is shown: how far sending is, or what became of it
function retitle() {
  const part = document.querySelector("#email-head[data-title]") ?? document.querySelector("#email-list[data-title]");
  if (part) document.title = `${part.dataset.title} – Email Tracker`;
}

document.addEventListener("htmx:after:swap", (event) => {
  retitle();
  const source = event.detail.ctx?.sourceElement;
  openDialogs(source?.isConnected && source.closest("[hx-target='#dialog']"));
  stampUpdates(document);
});
// which live parts could not be renewed: one that can be does not speak for the others
const failing = new Set();

document.addEventListener("htmx:after:request", (event) => {
  const asked = event.detail.ctx;
  if (asked.response && asked.response.status < 500) failing.delete(asked.sourceElement.id);
  for (const id of failing) if (!document.getElementById(id)) failing.delete(id);
  showConnection(failing.size > 0);
  // 204: nothing has changed, so what is shown is as of now
  if (asked.response?.status !== 204) return;
  for (const stamp of asked.sourceElement.querySelectorAll("[data-updated]")) {
    stamp.dataset.updated = Date.now();
  }
});
// a live part that cannot be renewed stays as it is, and asks again
document.addEventListener("htmx:before:response", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  if (response.status < 500 || !sourceElement.matches("[hx-trigger^=every]")) return;
  event.preventDefault();
  failing.add(sourceElement.id);
  showConnection(true);
});
document.addEventListener("htmx:error", (event) => {
  if (!event.detail.ctx || event.detail.ctx.response) return;
  const source = event.detail.ctx.sourceElement;
  if (source.matches("[hx-trigger^=every]")) failing.add(source.id);
  showConnection(true);
});
openDialogs();
stampUpdates(document);

// a draft saves itself a little after what is typed: until then it says so, and leaving saves at once
const RETRY_MS = 5000;
let edits = 0;
let editsAsked = 0; // how many the last request to save them has in it

function sayUnsaved(sentence = "Saving …") {
  const part = document.getElementById("saved");
  part.dataset.unsaved = "";
  if (part.textContent !== sentence) part.textContent = sentence;
}

function saveAgainLater(form) {
  setTimeout(() => form.isConnected && htmx.trigger(form, "change"), RETRY_MS);
}

const isDraft = (event) => event.detail.ctx?.sourceElement.id === "compose";

document.addEventListener("input", (event) => {
  if (!event.target.name || !event.target.closest("#compose")) return;
  edits += 1;
  sayUnsaved();
});
document.addEventListener("htmx:before:request", (event) => {
  if (isDraft(event)) editsAsked = edits;
});
document.addEventListener("htmx:after:swap", (event) => {
  if (!isDraft(event)) return;
  const { response, sourceElement } = event.detail.ctx;
  if (response.status >= 500) saveAgainLater(sourceElement); // the answer says why
  else if (edits > editsAsked) sayUnsaved();
});
document.addEventListener("htmx:error", (event) => {
  if (!isDraft(event)) return;
  sayUnsaved("Not saved yet. Trying again …");
  saveAgainLater(event.detail.ctx.sourceElement);
});

let editsTaken = 0; // how many were saved by leaving

function saveWhileLeaving() {
  const form = document.querySelector("#saved[data-unsaved]") && document.getElementById("compose");
  if (!form || editsTaken === edits) return;
  editsTaken = edits;
  fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true }).catch(() => {});
}
window.addEventListener("beforeunload", saveWhileLeaving);
document.addEventListener("visibilitychange", () => document.hidden && saveWhileLeaving());

// a merge field goes where the cursor was last, in subject or text, with its fall-back
let written = "body";
document.addEventListener("focusin", (event) => {
  if (["subject", "body"].includes(event.target.id)) written = event.target.id;
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  const place = document.getElementById(written) ?? document.getElementById("body");
  const fallback = document.getElementById("fallback").value.replace(/["{}%]/g, "").trim();
  const tag = `{{ ${button.dataset.insert}${fallback ? ` | default: "${fallback}"` : ""} }}`;
  place.setRangeText(tag, place.selectionStart, place.selectionEnd, "end");
  place.dispatchEvent(new Event("input", { bubbles: true }));
  button.closest("details").open = false;
  place.focus();
});

// a page for full loads without a network, see offline.js; browsers want https for it
const offline = document.querySelector("meta[name=offline]");
if (offline) navigator.serviceWorker?.register(offline.content, { scope: "/" }).catch(() => {});

// a file that is too large is not sent off in vain
document.addEventListener("change", (event) => {
  const most = Number(event.target.dataset.maxBytes);
  if (!most) return;
  const isTooLarge = [...event.target.files].some((file) => file.size > most);
  event.target.setCustomValidity(isTooLarge ? event.target.dataset.tooLarge : "");
  event.target.reportValidity();
});

// what is to be pasted elsewhere
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.querySelector("span").textContent = "Copied";
  } catch {
    button.querySelector("span").textContent = "Press Ctrl-C";
  }
});

// forward or back before htmx listened: the address moved on, the page did not
// htmx listens from a timeout that it sets at its end, so this one comes after it
setTimeout(() => {
  const [loaded] = performance.getEntriesByType("navigation");
  if (loaded && loaded.name.split("#")[0] !== location.href.split("#")[0]) location.reload();
});
