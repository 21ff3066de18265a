// The little that HTML and htmx cannot do by themselves. Everything works without it but live parts.

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-theme-toggle]");
  if (toggle) {
    const theme = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    document.documentElement.dataset.bsTheme = theme;
    localStorage.setItem("theme", theme);
  }
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
  if (event.key !== "Escape") return;
  const menu = document.activeElement.closest("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

function openDialogs(root) {
  for (const dialog of root.querySelectorAll("dialog[data-open]:not([open])")) {
    const opener = document.activeElement;
    dialog.showModal();
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
    });
  }
}

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

document.addEventListener("htmx:after:swap", () => {
  openDialogs(document);
  stampUpdates(document);
});
document.addEventListener("htmx:after:request", () => showConnection(false));
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx && !event.detail.ctx.response) showConnection(true);
});
openDialogs(document);
stampUpdates(document);

// a merge field goes where the cursor is
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  const body = document.getElementById("body");
  body.setRangeText(button.dataset.insert, body.selectionStart, body.selectionEnd, "end");
  body.dispatchEvent(new Event("input", { bubbles: true }));
  button.closest("details").open = false;
  body.focus();
});
