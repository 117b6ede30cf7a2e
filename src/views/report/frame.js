
  // Which part is shown follows from the address.
  let redraw = () => {};
  function show() {
    redraw = () => {};
    let hash = "";
    try { hash = decodeURIComponent(location.hash.slice(1)); } catch { hash = ""; }
    const place = /^code-(\d+)(?:@(-?\d+))?$/.exec(hash);
    let part = hash || "overview";
    let nodes;
    if (place && byId.has(Number(place[1]))) {
      part = "code";
      nodes = codePart(byId.get(Number(place[1])), place[2] === undefined ? undefined : Number(place[2]));
    } else if (hash.startsWith("search=")) {
      part = "search";
      const query = hash.slice(7);
      if (document.activeElement !== field) field.value = query;
      nodes = query ? searchPart(query) : overview();
    } else {
      const shown = { overview, when, code: () => codePart(-1), unused: () => codePart(-1), calls: callsPart, compares: comparesPart, strings: stringsPart, constants: constantsPart,
        exceptions: exceptionsPart, tried: triedPart, layers: layersPart, tricks: tricksPart }[hash];
      if (!shown) part = "overview";
      nodes = (shown || overview)();
      if (part === "unused") {
        part = "code";
        queueMicrotask(() => document.getElementById("unused")?.scrollIntoView());
      }
    }
    main.replaceChildren(...nodes);
    tabs.replaceChildren(...PARTS.map(([id, name, count]) => el("a", { href: "#" + id, "aria-current": id === part ? "page" : null }, name,
      count ? el("span", { class: "count" }, number(count())) : null)));
    if (!place || place[2] === undefined) window.scrollTo(0, 0);
  }
  const tabs = document.getElementById("tabs");
  const field = document.getElementById("query");
  document.getElementById("program").textContent = D.program || D.trace;
  document.getElementById("end").textContent = D.end;
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  let waiting = 0;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { location.hash = field.value ? "search=" + encodeURIComponent(field.value) : "overview"; }, 150);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, canvas, .flame") || event.ctrlKey || event.altKey || event.metaKey) {
      if (event.key === "Escape") main.focus();
      return;
    }
    const tab = /^\d$/.test(event.key) && PARTS[(Number(event.key) + 9) % 10];
    if (event.key === "/") { event.preventDefault(); field.focus(); } else if (tab) location.hash = tab[0];
  });
  window.addEventListener("hashchange", show);
  window.addEventListener("resize", () => redraw());
  show();
})();
