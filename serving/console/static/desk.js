// A customer's page while it is open.
"use strict";
(() => {
  // Live news. What has no buttons is read anew; the rest waits to be asked for, so that nothing moves under a pointer.
  const desk = document.querySelector("[data-live]");
  const fresh = document.getElementById("fresh");
  const timeline = document.getElementById("timeline");
  // The lists of the forms have buttons: what is new is put at their end, and what is over says so in its place.
  const open = (name) => document.querySelector(`#facts template[data-open-${name}]`);
  const refreshCases = (select, now) => {
    for (const one of [...select.options].filter((one) => one.value && !now.some((other) => other.value === one.value))) {
      for (const line of select.closest(".forms").querySelectorAll("output[data-say]")) if (line.textContent === one.value + " is open.") line.textContent = "";
      if (one.selected) { if (!one.text.startsWith("closed")) one.text = "closed: " + one.text; } else one.remove();
    }
    for (const one of now) if (![...select.options].some((other) => other.value === one.value)) select.append(one.cloneNode(true));
    select.options[0].text = now.length ? "choose one" : "none is open";
  };
  const refreshPromises = (list, now) => {
    const shown = [...list.querySelectorAll("[data-promise]")];
    for (const one of shown.filter((one) => !now.some((other) => other.dataset.promise === one.dataset.promise))) {
      const button = one.querySelector("button");
      if (!button) continue;
      const held = document.activeElement === button, kept = document.createElement("span");
      kept.className = "tag good";
      kept.textContent = "kept";
      button.replaceWith(kept);
      if (held) list.closest("details").querySelector("summary").focus();
    }
    for (const one of now.filter((one) => !shown.some((other) => other.dataset.promise === one.dataset.promise))) {
      const added = one.cloneNode(true);
      list.insertBefore(added, list.querySelector("[data-none]"));
      htmx.process(added);
    }
    list.querySelector("[data-none]").hidden = Boolean(list.querySelector("[data-promise]"));
    list.closest("details").querySelector("[data-count]").textContent = now.length;
  };
  const refreshTakeovers = (list, now) => {
    const shown = [...list.querySelectorAll("[data-handoff]")], same = (one) => (other) => other.dataset.handoff === one.dataset.handoff;
    for (const one of shown.filter((one) => !now.some(same(one)) && !one.matches(".htmx-request"))) {
      const over = document.createElement("p"), held = one.contains(document.activeElement);
      over.className = "takeover quiet";
      over.textContent = "Taken by somebody else, or waiting no more.";
      over.style.minHeight = one.getBoundingClientRect().height + "px"; // the next one's button stays under a pointer
      one.replaceWith(over);
      if (held) document.getElementById("who-name").focus();
    }
    for (const one of now.filter((one) => !shown.some(same(one)) && !taken.has(one.dataset.handoff))) {
      const added = one.cloneNode(true);
      list.append(added);
      htmx.process(added);
    }
  };
  // What the caller chose or filled in stands in a place of its own, and ages while the page is open, but where the clock
  // of a demo stands.
  const justTold = document.getElementById("just-told");
  let readAt = Date.now();
  const refreshTold = (list, anew) => {
    const before = new Set([...list.children].map((one) => one.dataset.told)), now = [...anew.content.children];
    const come = now.find((one) => one.dataset.told && !before.has(one.dataset.told));
    list.dataset.present = anew.dataset.present;
    readAt = Date.now();
    list.replaceChildren(...now.map((one) => one.cloneNode(true)));
    document.getElementById("heard").textContent = now.filter((one) => one.dataset.told).length || ""; // more than are in sight
    if (come) document.getElementById("told").textContent = "They have just told us: " + come.textContent.trim();
  };
  const age = (ms) => {
    const minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60);
    return minutes < 1 ? "just now" : hours > 1 ? hours + " hours ago" : minutes + (minutes > 1 ? " minutes ago" : " minute ago");
  };
  const grow = () => {
    if ("standing" in justTold.dataset) return;
    const present = Number(justTold.dataset.present) + Date.now() - readAt;
    for (const one of justTold.querySelectorAll("time")) one.textContent = age(present - Number(one.dataset.at));
  };
  setInterval(grow, 20000);
  // What this page has just taken may still stand in news that were asked for before.
  const taken = new Set();
  let height = 0;
  document.addEventListener("htmx:beforeRequest", (event) => {
    const card = event.detail.elt;
    if (!card.dataset.handoff) return;
    taken.add(card.dataset.handoff);
    height = card.getBoundingClientRect().height;
  });
  // What says that it is taken is as high as its card was: pressed twice, it takes over nothing else.
  document.addEventListener("htmx:afterSwap", () => {
    for (const one of document.querySelectorAll("#takeovers .good")) one.style.minHeight ||= height + "px";
  });
  // What the pointer is over, else what has the focus, stays where it is while what stands above it is read anew: by
  // scrolling, and where the page is too short for that by room that the next news takes away again.
  const pressed = ":is(a, button, summary, input, select, textarea, label)";
  const heldPlace = () => {
    const on = [...document.querySelectorAll(pressed + ":hover")].pop() || (document.activeElement.matches(pressed) ? document.activeElement : null);
    return on && {on, top: on.getBoundingClientRect().top};
  };
  const scrollerOf = (on) => {
    for (let up = on.parentElement; up !== document.body; up = up.parentElement) if (getComputedStyle(up).overflowY === "auto" && up.id !== "timeline") return up;
    return document.scrollingElement;
  };
  const put = (place) => {
    if (!place || !place.on.isConnected) return;
    const moved = () => Math.round(place.on.getBoundingClientRect().top - place.top), scroller = scrollerOf(place.on);
    if (!moved()) return;
    const page = scroller === document.scrollingElement ? document.body : scroller;
    const missing = moved() - (scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop);
    if (missing > 0) page.style.paddingBottom = parseFloat(getComputedStyle(page).paddingBottom) + missing + "px";
    scroller.scrollTop += moved();
    const above = [...document.querySelectorAll("#facts > .part")].filter((one) => one.getBoundingClientRect().bottom <= place.on.getBoundingClientRect().top).pop();
    if (moved() < 0 && above) above.style.paddingBottom = -moved() + "px";
  };
  let place = null;
  const readAnew = "#facts, .said-to";
  document.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.target.matches(readAnew) && event.detail.shouldSwap) place = heldPlace(); });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.matches(readAnew)) put(place); });
  const refresh = () => {
    const cases = open("cases"), promises = open("promises"), takeovers = open("takeovers"), call = open("call"), told = open("told");
    if (!cases || !promises || !takeovers || !call || !told) return;
    for (const one of document.querySelectorAll("button[data-speaking]")) one.disabled = one.dataset.speaking !== call.dataset.openCall;
    refreshTold(justTold, told);
    const kept = heldPlace();
    refreshTakeovers(document.getElementById("takeovers"), [...takeovers.content.querySelectorAll("[data-handoff]")]);
    put(kept);
    refreshCases(document.getElementById("case-id"), [...cases.content.querySelectorAll("option")]);
    refreshPromises(document.querySelector("[data-promises]"), [...promises.content.querySelectorAll("form")]);
  };
  const promisedBy = () => [...document.querySelectorAll("#facts [data-due]")];
  let known = new Set(promisedBy().map((one) => one.dataset.due));
  const refreshDue = () => {
    const come = promisedBy().find((one) => !known.has(one.dataset.due));
    known = new Set(promisedBy().map((one) => one.dataset.due));
    if (come) document.getElementById("told").textContent = "Promised to them, and due: " + come.dataset.promised;
  };
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target.id === "facts") { refresh(); refreshDue(); } });

  // A field is sent by its form's first button, also where only the second may be pressed.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "call-reason" || event.isComposing) return;
    event.preventDefault();
    event.target.form.querySelector("button[data-speaking]:enabled")?.click();
  });

  // What is told of a customer waits until it is surely them.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!document.querySelector("#who [data-confirmed]")) return;
    for (const one of document.querySelectorAll("[data-sure]")) one.disabled = false;
    for (const one of document.querySelectorAll("[data-unsure]")) one.hidden = true;
    if (event.detail.target.id !== "who") return;
    for (const one of document.querySelectorAll("[data-unconfirmed]")) one.remove();
    htmx.trigger("#facts", "console:changed"); // what was filled in is shown from now on
  });

  let version = desk.dataset.version, newest = "", source = null;
  const offer = (words) => {
    document.getElementById("fresh-words").textContent = words;
    fresh.hidden = false;
  };
  // A worker that has not taken up the newest catalogue yet tells of an older one: that is nothing new.
  let running = desk.dataset.running.split(".").map(Number);
  const said = (event) => {
    const told = event.data.split(".").map(Number);
    if (told[0] < running[0] || (told[0] === running[0] && told[1] <= running[1])) return;
    running = told;
    offer("What may be said has changed.");
  };
  // With another day a promise may be due, or overdue.
  const turned = (event) => {
    if (event.data === desk.dataset.today) return;
    desk.dataset.today = event.data;
    htmx.trigger("#facts", "console:changed");
  };
  const changed = (event) => {
    newest = event.lastEventId;
    if (event.data !== version) { version = event.data; offer("Something new is known."); }
    htmx.trigger("#facts", "console:changed");
    if (isRead()) newer.hidden = false;
    else htmx.trigger(timeline, "console:changed");
  };
  // Whoever reads what happened loses neither an entry that they opened nor their place: they ask for what is newer.
  const newer = document.getElementById("newer");
  const isRead = () => timeline.scrollTop > 0 || timeline.matches(":hover") || timeline.contains(document.activeElement) || Boolean(timeline.querySelector("details[open]"));
  newer.addEventListener("click", () => { timeline.scrollTop = 0; htmx.trigger(timeline, "console:changed"); });
  timeline.addEventListener("pointerleave", () => { if (!newer.hidden && !isRead()) htmx.trigger(timeline, "console:changed"); });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== timeline) return;
    if (document.activeElement === newer) document.getElementById("happened").focus();
    newer.hidden = true;
  });
  // What somebody answered to a suggestion, at whichever desk: only what this page shows otherwise is asked for.
  const answered = (event) => {
    const told = JSON.parse(event.data);
    for (const card of document.querySelectorAll(".said-to")) {
      const shown = card.querySelector("[data-state]");
      if (shown && shown.dataset.state !== (told[card.dataset.key] || "open")) htmx.trigger(card, "console:changed");
    }
  };
  // Of somebody who was erased nothing stays on the page but what whoever sits before it has typed.
  const gone = () => {
    const main = document.getElementById("main"), shown = document.getElementById("gone").content.cloneNode(true);
    const typed = [...main.querySelectorAll("textarea, input:not([type=hidden], [type=date])")].filter((one) => one.value !== one.defaultValue);
    const unsent = shown.getElementById("unsent");
    unsent.value = typed.map((one) => one.value).join("\n");
    unsent.parentElement.hidden = !typed.length;
    if (source) source.close();
    source = null;
    over = true;
    main.replaceChildren(shown);
    main.querySelector("h1").focus();
    document.title = "Erased · nextbest";
    document.getElementById("fault").textContent = "";
    document.getElementById("told").textContent = "This customer was erased.";
  };
  // A stream that was refused (429, 503, none is signed in) is asked for again, where the browser itself gives up.
  let over = false, patience = 2000;
  const refused = async (told) => {
    if (told.target !== source || source.readyState !== EventSource.CLOSED) return;
    const asked = new AbortController();
    const status = await fetch(source.url, {signal: asked.signal}).then((answer) => answer.status, () => 0);
    asked.abort();
    if (status === 404) gone();
    else setTimeout(() => { if (told.target === source) listen(); }, patience = Math.min(2 * patience, 60000));
  };
  // A hidden window listens to nothing: browsers allow a site few connections at a time.
  const listen = () => {
    if (source) { source.close(); source = null; }
    if (document.hidden || over) return;
    source = new EventSource(newest ? desk.dataset.live.replace(/since=\d+/, "since=" + newest) : desk.dataset.live);
    source.addEventListener("gone", gone);
    source.addEventListener("error", refused);
    source.addEventListener("open", () => { patience = 2000; });
    source.addEventListener("changed", changed);
    source.addEventListener("answered", answered);
    source.addEventListener("running", said);
    source.addEventListener("day", turned);
  };
  document.addEventListener("visibilitychange", listen);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "say") return;
    const on = document.activeElement, go = on === document.body || fresh.contains(on);
    fresh.hidden = true;
    if (go) document.getElementById("h-say").focus();
    document.getElementById("told").textContent = "Decided again.";
  });
  listen();
})();
