// A service worker that knows one page by heart: the one for a full load that reaches no server.
// It keeps nothing of what passes.

const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>You are offline – Email Tracker</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  main { max-width: 34rem; margin: 18vh auto 0; padding: 0 1rem; text-align: center; text-wrap: balance; }
  h1 { font-size: 1.35rem; }
  a { display: inline-block; margin-top: .5rem; padding: .5rem 1rem; border-radius: 6px; background: #1d5fd1; color: #fff; text-decoration: none; }
  a:focus-visible { outline: 2px solid; outline-offset: 2px; }
</style>
<main><h1>You are offline</h1>
<p>This page could not be reached: your connection is down, or Email Tracker is not running just now. Emails that are being sent go on without you.</p>
<a href="">Try again</a></main></html>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode !== "navigate" || request.destination !== "document" || request.method !== "GET") return;
  event.respondWith(
    fetch(request).catch(
      () =>
        new Response(PAGE, {
          status: 504,
          headers: {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
          },
        }),
    ),
  );
});
