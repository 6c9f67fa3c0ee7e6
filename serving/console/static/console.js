// What htmx does not do: the key that leads to the search field, faults beside what was typed, and live news.
"use strict";
(() => {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const field = document.getElementById("q");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    }
  });

  // A fault never takes the place of what somebody typed: it stands in the form's own line, else at the page's foot.
  const region = (element) => (element && element.querySelector("output")) || document.getElementById("fault");
  document.addEventListener("htmx:beforeSwap", (event) => {
    const detail = event.detail;
    if (detail.xhr.status >= 400) {
      detail.shouldSwap = true;
      detail.target = region(detail.requestConfig.elt.closest("form"));
      detail.swapOverride = "innerHTML";
    } else {
      document.getElementById("fault").textContent = "";
    }
  });
  document.addEventListener("htmx:sendError", (event) => {
    region(event.detail.elt.closest("form")).textContent = "The service does not answer. What you wrote is still here; try again.";
  });

  // Live news. What has no buttons is read anew; the rest waits to be asked for, so that nothing moves under a pointer.
  const desk = document.querySelector("[data-live]");
  if (!desk) return;
  const fresh = document.getElementById("fresh");
  const timeline = document.getElementById("timeline");
  let version = desk.dataset.version, newest = "", source = null;
  const changed = (event) => {
    newest = event.lastEventId;
    if (event.data !== version) { version = event.data; fresh.hidden = false; }
    htmx.trigger("#facts", "console:changed");
    if (timeline.scrollTop === 0 && !timeline.contains(document.activeElement)) htmx.trigger(timeline, "console:changed");
  };
  // A hidden window listens to nothing: browsers allow a site few connections at a time.
  const listen = () => {
    if (source) { source.close(); source = null; }
    if (document.hidden) return;
    source = new EventSource(newest ? desk.dataset.live.replace(/since=\d+/, "since=" + newest) : desk.dataset.live);
    source.addEventListener("changed", changed);
  };
  document.addEventListener("visibilitychange", listen);
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "say") fresh.hidden = true; });
  listen();
})();
