// What htmx does not do: the key that leads to the search field, and faults beside what was typed.
"use strict";
(() => {
  // The server writes times in this browser's zone, which nothing but a script can tell it: once, for what is opened next.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) {
    const framed = window.top === window ? "SameSite=Lax" : "SameSite=None; Secure; Partitioned";
    document.cookie = "nextbest_zone=" + encodeURIComponent(zone) + "; Path=/console; Max-Age=31536000; " + framed;
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    // What the field came with, as after a search that found nobody, was typed before: only a sign after others is a sign.
    const begun = typing && !(typing.id === "q" && typing.value === typing.defaultValue);
    if (event.key === "/" && !begun && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const field = document.getElementById("q");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    }
  });
  const sought = document.querySelector("#q[autofocus]");
  if (sought) { sought.focus(); sought.select(); }

  // What a page asks for by itself: nobody pressed anything.
  const byItself = (config) => !config.triggeringEvent || ["console:changed", "load", "intersect"].includes(config.triggeringEvent.type);

  // A fault never takes the place of what somebody typed: it stands in the form's own line, else at the page's foot, until
  // it is put away or somebody asks for something else.
  const foot = document.getElementById("fault");
  const region = (element) => (element && element.querySelector("output")) || foot;
  let before = null;
  const fault = (where, words) => {
    if (where === foot) before = document.activeElement;
    if (words) where.textContent = words;
  };
  const putAway = () => {
    const within = foot.parentElement.contains(document.activeElement);
    foot.textContent = "";
    if (within) (before && before.isConnected ? before : document.getElementById("main")).focus();
  };
  document.getElementById("put-away").addEventListener("click", putAway);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && foot.textContent) putAway(); });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const detail = event.detail;
    if (detail.xhr.status >= 400) {
      detail.shouldSwap = true;
      detail.target = region(detail.requestConfig.elt.closest("form"));
      detail.swapOverride = "innerHTML";
      fault(detail.target);
      if ([401, 403].includes(detail.xhr.status)) doubted = true;
    } else if (!byItself(detail.requestConfig)) {
      foot.textContent = "";
    }
  });
  document.addEventListener("htmx:sendError", (event) => {
    fault(region(event.detail.requestConfig.elt.closest("form")), silent);
  });
  // A session may end while somebody writes: once they are signed in again, in another window, the page goes on with the
  // new one. What is still in the way, as the service says it.
  let doubted = false;
  const silent = "The service does not answer. What you wrote is still here; try again.";
  const renew = async () => {
    const told = await fetch("/console/here", {headers: {"HX-Request": "true", "X-Console-By-Itself": "true"}});
    if (told.status !== 204) return told.status === 401 ? told.text() : silent;
    if (decodeURIComponent(told.headers.get("X-Console-Account")) !== document.querySelector("[data-account]").dataset.account) {
      return "Somebody else is signed in by now; what you wrote is still here.";
    }
    const proof = told.headers.get("X-Console-Proof");
    document.body.setAttribute("hx-headers", JSON.stringify({"X-Console-Proof": proof}));
    for (const one of document.querySelectorAll("input[name=proof]")) one.value = proof;
    doubted = false;
    return "";
  };
  document.addEventListener("htmx:confirm", (event) => {
    if (!doubted || event.detail.verb === "get") return;
    event.preventDefault();
    renew().catch(() => {}).finally(() => event.detail.issueRequest(true));
  });
  // Inside of a frame they sign in right here.
  const again = document.getElementById("sign-in");
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-sign-in]")) again.showModal();
    if (event.target.closest("#sign-in [data-close]")) again.close();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.elt.closest("#sign-in") || event.detail.xhr.status !== 204) return;
    event.detail.elt.reset();
    event.detail.elt.querySelector("output").textContent = "";
    again.close();
    doubted = true;
    for (const one of document.querySelectorAll("[data-signed-out]")) one.textContent = "You are signed in again; what you wrote is still here: press again.";
    document.getElementById("told").textContent = "You are signed in again.";
  });
  // A form that leads to another page goes only where it is sure to arrive, or what was typed would be gone.
  const going = new WeakSet();
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    if (!form.matches("form[method=post]:not(.leave)") || !document.querySelector("[data-account]")) return;
    if (going.delete(form)) return;
    event.preventDefault();
    const line = region(form);
    renew().catch(() => silent).then((words) => {
      line.innerHTML = words;
      if (words) { line.scrollIntoView({block: "nearest"}); return; }
      going.add(form);
      form.requestSubmit(button);
    });
  });
  // Whoever is refused an answer sees at once what stands.
  document.addEventListener("htmx:afterRequest", (event) => {
    const card = event.detail.requestConfig.elt.closest(".said-to");
    if (card && [409, 422].includes(event.detail.xhr.status) && event.detail.requestConfig.verb === "post") htmx.trigger(card, "console:changed");
  });

  // The focus stays where the work is: where the new part wants it, on the same button where it was only made anew, else
  // beside the part.
  // What was done is said where whoever listens is sure to hear it.
  const beside = (part) => {
    for (let up = part.parentElement; up; up = up.parentElement) {
      const found = [...up.querySelectorAll("[data-land]")].find((one) => !part.contains(one));
      if (found) return found;
    }
    return document.getElementById("main");
  };
  let held = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const at = document.activeElement, part = event.detail.target;
    if (event.detail.shouldSwap && part.contains(at)) {
      const anew = event.detail.requestConfig.verb === "get";
      held = {label: anew ? at.textContent : null, land: beside(part)};
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const said = [event.target, ...event.target.querySelectorAll("[data-say]")].filter((one) => one.matches("[data-say]"));
    const words = said.map((one) => one.dataset.say || one.textContent).join(" ").trim();
    if (words) document.getElementById("told").textContent = words;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (!held) return;
    const {label, land} = held;
    held = null;
    if (document.activeElement !== document.body) return;
    const same = [...event.target.querySelectorAll("button")].find((one) => one.textContent === label);
    (same || land).focus();
  });

  // What a page asks for by itself is no use of the session: somebody who has left is signed out all the same.
  document.addEventListener("htmx:configRequest", (event) => {
    if (byItself(event.detail)) event.detail.headers["X-Console-By-Itself"] = "true";
  });

  // To read and write on a page is to use it, though it asks for nothing: a long note does not end in being signed out.
  let used = Date.now();
  const use = () => {
    if (Date.now() - used < 120000) return;
    used = Date.now();
    fetch("/console/here", {headers: {"HX-Request": "true"}}).catch(() => {});
  };
  if (document.querySelector("form.leave")) {
    for (const deed of ["keydown", "pointerdown", "wheel"]) document.addEventListener(deed, use, {passive: true});
  }

  // Promises that fall due while a page is open: counted in the bar, and offered by a list of them.
  const due = document.getElementById("due"), list = document.querySelector("[data-whose]");
  let counted = null;
  const remind = async () => {
    if (document.hidden) return;
    const told = await fetch("/console/promises/due" + (list ? "?whose=" + list.dataset.whose : ""), {headers: {"HX-Request": "true", "X-Console-By-Itself": "true"}});
    if (told.status !== 200) return;
    const {mine, listed} = await told.json();
    due.textContent = mine;
    due.insertAdjacentHTML("beforeend", '<span class="unseen"> due</span>');
    due.hidden = !mine;
    due.title = mine + " of your promises " + (mine > 1 ? "are" : "is") + " due today or overdue";
    if (counted !== null && mine > counted) document.getElementById("told").textContent = due.title + ".";
    counted = mine;
    if (!list) return;
    const shown = new Set([...list.querySelectorAll("[data-due]")].map((one) => one.dataset.due));
    const come = listed.filter((one) => !shown.has(one)).length;
    document.getElementById("due-words").textContent = come + " more " + (come > 1 ? "are" : "is") + " due by now";
    document.getElementById("due-now").hidden = !come;
  };
  const reminded = () => remind().catch(() => {});
  if (due) {
    reminded();
    setInterval(reminded, 60000);
    document.addEventListener("visibilitychange", reminded);
    document.addEventListener("htmx:afterRequest", (event) => { if (/\/(note|kept)$/.test(event.detail.pathInfo.requestPath)) reminded(); });
  }
})();
