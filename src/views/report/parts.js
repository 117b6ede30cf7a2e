
  // With what?
  function callsPart() {
    const all = rows(D.calls, "call");
    if (!all.length) return [heading("Calls"), ...absent("calls")];
    const depth = new Map();
    const folded = new Map();
    rows(D.calls, "folded").forEach((line) => {
      const key = line.parent + "@" + line.offset;
      folded.set(key, (folded.get(key) || 0) + line.times);
    });
    const shownOf = new Map();
    all.sort((a, b) => a.number - b.number || a.call - b.call);
    const list = el("ul", { class: "tree mono" });
    const render = (line) => {
      const level = depth.has(line.parent) ? depth.get(line.parent) + 1 : 0;
      depth.set(line.call, level);
      const key = line.parent + "@" + line.offset;
      shownOf.set(key, (shownOf.get(key) || 0) + 1);
      // The third call of an instruction is the last one that is there if more were folded.
      const more = shownOf.get(key) === 3 && folded.get(key) ? el("span", { class: "dim" }, "  and " + number(folded.get(key)) + " more") : "";
      const result = line.exception ? el("span", { class: "bad" }, " raises " + line.exception + (line.message ? ": " + line.message : ""))
        : line.result !== undefined ? " → " + line.result : line.yields !== undefined ? " yields " + line.yields : "";
      const item = el("li", { id: "call-" + line.call }, (line.receiver ? line.receiver + "." : "") + line.callee + "(" + (line.arguments || []).join(", ") + ")",
        result, more, "  ", line.name ? el("span", { class: "dim" }, "in ", linkOf(line)) : "");
      item.style.paddingLeft = Math.min(level, 30) * 14 + "px";
      return item;
    };
    const shown = chunked(all, 500, render, list);
    return [heading("Calls"), command("bctrace calls"), list, shown.place];
  }
  function comparesPart() {
    const all = items(D.compares);
    if (!all.length) return [heading("Comparisons"), ...absent("comparisons")];
    const body = el("tbody");
    const shown = chunked(all, 500, (line) => row(num(line.number), num(line.times || 1), el("span", { class: "mono" }, line.text || ""),
      line.exception ? el("span", { class: "bad" }, line.exception) : el("span", { class: "mono" }, line.result === undefined ? "" : line.result), linkOf(line)), body);
    const names = [["instruction", true], ["times", true], ["comparison", false], ["result", false], ["place", false]];
    const box = table(names, [], "Comparisons");
    box.querySelector("tbody").replaceWith(body);
    return [heading("Comparisons"), note("What rejected the program's input comes first."), command("bctrace compares"), box, shown.place];
  }
  function stringsPart() {
    const all = items(D.strings);
    if (!all.length) return [heading("Strings"), ...absent("strings")];
    const body = el("tbody");
    const shown = chunked(all, 500, (line) => row(num(line.number), num(line.times), el("span", { class: "dim" }, line.kind || ""),
      el("span", { class: "mono" }, line.string + (line.length ? "… (" + number(line.length) + ")" : "")), linkOf(line)), body);
    const box = table([["instruction", true], ["times", true], ["kind", false], ["string", false], ["place", false]], [], "Strings");
    box.querySelector("tbody").replaceWith(body);
    return [heading("Strings"), note("What the program produced: its constants are left out."), command("bctrace strings"), box, shown.place];
  }
  /// What the program's own code loads of its constants, numbers and code objects last, by length: text, how often it was loaded, and where.
  let loaded = null;
  function constants() {
    if (loaded) return loaded;
    const byText = new Map();
    D.codes.forEach((code, index) => (code.lines || []).forEach((line) => {
      if (line.n !== "LOAD_CONST" || !line.a || line.a === "None") return;
      const known = byText.get(line.a) || { text: line.a, times: 0, places: [] };
      known.times += line.c;
      known.places.push([index, line.o]);
      byText.set(line.a, known);
    }));
    const rank = (one) => one.text.startsWith("<code object ") ? 2 : /^-?[\d.]/.test(one.text) ? 1 : 0;
    loaded = [...byText.values()].sort((a, b) => rank(a) - rank(b) || b.text.length - a.text.length || b.times - a.times);
    return loaded;
  }
  function constantsPart() {
    const all = constants();
    if (!all.length) return [heading("Constants"), none("The listings on this page load no constants.")];
    const body = el("tbody");
    const shown = chunked(all, 500, (one) => row(num(one.times), el("span", { class: "mono" }, one.text),
      [one.places.slice(0, 3).flatMap(([index, offset], at) => [at ? ", " : "", link(index, offset)]), one.places.length > 3 ? el("span", { class: "dim" }, " and " + number(one.places.length - 3) + " more") : ""]), body);
    const box = table([["loaded", true], ["constant", false], ["places", false]], [], "Constants");
    box.querySelector("tbody").replaceWith(body);
    return [heading("Constants"), note("What the program's own listings load, also where they never ran: numbers and code objects last, and the longest on top."), box, shown.place];
  }
  const absent = (what) => [none(D.has_values ? "The program's own code has no " + what + "." : "The trace has no values, so it has no " + what + "."),
    D.has_values ? "" : note("Record it with --values.")];
  function exceptionTable(list) {
    return table([["first at", true], ["times", true], ["exception", false], ["place", false], ["", false]], list.map((raised) =>
      row(num(raised.first), num(raised.times), el("span", { class: "mono" }, raised.text), link(raised.code, raised.offset < 0 ? null : raised.offset),
        raised.propagated ? el("span", { class: "dim" }, "from a call") : "")), "Exceptions");
  }
  const exceptionsPart = () => [heading("Exceptions"), D.exceptions.length ? exceptionTable(D.exceptions) : none("No exception was raised.")];
  const triedNothing = () => {
    const head = rows(D.tried, "view")[0];
    return head && head.sandbox === "watched" ? "The program tried nothing that the sandbox reports."
      : "Nothing was watched: the trace does not say what the program tried.";
  };
  function triedTable(list) {
    return table([["instruction", true], ["times", true], ["what", false], ["answer", false], ["place", false], ["allowed by", false]],
      list.map((line) => row(num(line.number === undefined ? "" : line.number), num(line.times),
        el("span", { class: "mono" }, [line.deed, ...line.targets].join(" ")),
        line.allowed ? el("span", {}, "allowed") : el("span", { class: "bad" }, "refused"),
        [linkOf(line), line.caller ? el("span", { class: "dim" }, " for " + line.caller) : "", line.by === "library" ? el("span", { class: "dim" }, " (on its own behalf)") : ""],
        el("span", { class: "mono dim" }, line.option || ""))), "Attempts");
  }
  const triedPart = () => [heading("What the program tried outside itself"), command("bctrace tried"),
    items(D.tried).length ? triedTable(items(D.tried)) : none(triedNothing())];
  function tricksPart() {
    const all = items(D.tricks);
    if (!all.length) return [heading("Tricks against tracers"), command("bctrace tricks"), none("The program's own code shows none of the known tricks.")];
    const body = el("tbody");
    const shown = chunked(all, 500, (line) => row(num(line.number), num(line.times), el("span", { class: "dim" }, line.kind), el("span", { class: "mono" }, line.what),
      line.exception ? el("span", { class: "bad" }, line.exception) : el("span", { class: "mono" }, line.result === undefined ? "" : line.result), linkOf(line)), body);
    const box = table([["instruction", true], ["times", true], ["kind", false], ["what", false], ["result", false], ["place", false]], [], "Tricks");
    box.querySelector("tbody").replaceWith(body);
    return [heading("Tricks against tracers"), command("bctrace tricks"), box, shown.place];
  }
  function layersPart() {
    const all = items(D.layers);
    const level = new Map();
    const list = el("ul", { class: "tree mono" });
    const render = (line) => {
      const depth = level.has(line.parent) ? level.get(line.parent) + 1 : 0;
      level.set(line.number, depth);
      const index = byId.get(line.code);
      const item = el("li", {}, el("span", { class: "dim" }, String(line.number).padStart(4, "0") + " "), index === undefined ? line.name : link(index),
        el("span", { class: "dim" }, "  " + line.filename + ":" + line.first_line + "  " + line.origin
          + (line.instructions ? ", " + number(line.instructions) + " instructions" : ", never ran")));
      item.style.paddingLeft = Math.min(depth, 30) * 14 + "px";
      return item;
    };
    const shown = chunked(all, 500, render, list);
    return [heading("Layers"), note("Every code object that ran, under what made it."), command("bctrace layers"),
      command("bctrace layers", "--dump", "layers"), all.length ? list : none("The page has no layers."), shown.place];
  }

  // A search over everything.
  function found(query) {
    const wanted = query.toLowerCase();
    const hits = [];
    const has = (...texts) => texts.some((text) => text !== undefined && text !== null && String(text).toLowerCase().includes(wanted));
    const push = (kind, node) => { if (hits.length < 300) hits.push([kind, node]); };
    D.codes.forEach((code, index) => { if (has(code.name, code.file)) push("code", link(index)); });
    D.unused.forEach((code) => { if (has(code.name, code.file)) push("never ran", el("span", { class: "mono" }, code.name + "  " + placeOf(code))); });
    items(D.tried).forEach((line) => { if (has(line.deed, line.targets.join(" "), line.name))
      push("tried", [el("span", { class: "mono" }, [line.deed, ...line.targets].join(" ") + "  "), linkOf(line)]); });
    items(D.tricks).forEach((line) => { if (has(line.what, line.kind))
      push("trick", [el("span", { class: "mono" }, line.what + "  "), linkOf(line)]); });
    D.exceptions.forEach((raised) => { if (has(raised.text)) push("exception", [el("span", { class: "mono" }, raised.text + "  "), link(raised.code, raised.offset)]); });
    items(D.strings).forEach((line) => { if (has(line.string, line.kind))
      push("string", [el("span", { class: "mono" }, line.string + "  "), linkOf(line)]); });
    items(D.compares).forEach((line) => { if (has(line.text, line.result))
      push("comparison", [el("span", { class: "mono" }, (line.text || "") + "  "), linkOf(line)]); });
    rows(D.calls, "call").forEach((line) => { if (has(line.callee, (line.arguments || []).join(", "), line.result, line.message))
      push("call", [el("span", { class: "mono" }, line.callee + "(" + (line.arguments || []).join(", ") + ")" + (line.result === undefined ? "" : " → " + line.result) + "  "), linkOf(line)]); });
    D.codes.forEach((code, index) => (code.lines || []).forEach((line) => { if (has(line.a, line.n))
      push("instruction", [link(index, line.o), el("span", { class: "mono" }, "  " + line.n + " " + (line.a || ""))]); }));
    return hits;
  }
  function searchPart(query) {
    const hits = found(query);
    const count = hits.length === 300 ? "The first 300 places" : hits.length === 1 ? "1 place" : number(hits.length) + " places";
    return [heading("Search"), note(count + " with " + query), hits.length ? table([["what", false], ["where", false]],
      hits.map(([kind, node]) => row(el("span", { class: "dim" }, kind), node)), "Results") : none("Nothing on this page. bctrace find searches the whole trace.")];
  }
