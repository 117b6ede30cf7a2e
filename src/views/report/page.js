"use strict";
// Shows the data of a report.  Text goes into the page as text nodes alone, so nothing that a program chose is ever markup.
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("main");
  const PARTS = [
    ["overview", "Overview", null],
    ["when", "When", null],
    ["code", "Code", () => D.codes.length],
    ["calls", "Calls", () => rows(D.calls, "call").length],
    ["compares", "Comparisons", () => items(D.compares).length],
    ["strings", "Strings", () => items(D.strings).length],
    ["exceptions", "Exceptions", () => D.exceptions.length],
    ["tried", "Tried", () => items(D.tried).length],
    ["layers", "Layers", () => items(D.layers).length],
  ];
  const COLORS = ["#4c8dd6", "#e2923c", "#54a868", "#d96c6c", "#a68cdb", "#b8936e", "#d982b5", "#8c97a3", "#b9b13f", "#3fb0bd",
    "#8593ea", "#d66f8e"];
  const OTHER = "#9aa3ad";

  /// Makes an element; strings among the children become text.
  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  }
  function svg(tag, attributes) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  }
  const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
  const share = (value, all) => {
    const percent = all ? 100 * value / all : 0;
    return percent >= 10 ? percent.toFixed(0) + " %" : percent >= 0.1 ? percent.toFixed(1) + " %" : "< 0.1 %";
  };
  const times = (count) => count === 1 ? "once" : number(count) + " times";
  const items = (lines) => lines.filter((line) => line.type !== "view");
  const rows = (lines, type) => lines.filter((line) => line.type === type);
  const heading = (text, id) => el("h2", { id }, text);
  const none = (text) => el("p", { class: "empty" }, text);
  const note = (text) => el("p", { class: "note" }, text);
  /// A word for a shell: quoted unless it is plain.
  const word = (text) => /^[\w.,:@%+=\/-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'";
  const command = (...words) => el("code", { class: "cmd" }, "$ " + words.join(" ") + " " + word(D.trace));
  const title = (code) => code.name + (code.version_of !== null ? " (changed bytes)" : "");
  const placeOf = (code) => code.file + ":" + code.line;
  const hashOf = (code, offset) => "#code-" + code.id + (offset === undefined || offset === null ? "" : "@" + offset);
  const link = (index, offset) => index === undefined || index < 0 || !D.codes[index] ? "(other code)"
    : el("a", { href: hashOf(D.codes[index], offset), class: "mono", title: placeOf(D.codes[index]) },
      title(D.codes[index]) + (offset === undefined || offset === null ? "" : " at " + offset));
  const byId = new Map(D.codes.map((code, index) => [code.id, index]));
  const byPlace = new Map();
  D.codes.forEach((code, index) => {
    const key = code.name + "\0" + code.file;
    if (!byPlace.has(key)) byPlace.set(key, index);
  });
  const LIBRARY = "/opt/python2.7/lib/python2.7/";
  /// The link to where a line of a view was.
  function linkOf(line) {
    const file = (line.filename || "").startsWith(LIBRARY) ? line.filename.slice(LIBRARY.length) : line.filename;
    const index = byPlace.get(line.name + "\0" + file);
    if (index !== undefined) return link(index, line.offset);
    return el("span", { class: "mono" }, (line.name || "") + (line.offset === undefined ? "" : " at " + line.offset));
  }
  const colorOf = (index) => index >= 0 && index < COLORS.length ? COLORS[index] : OTHER;

  function table(names, body, kind) {
    const head = names.map(([name, numeric]) => el("th", { class: numeric ? "n" : null, scope: "col" }, name));
    return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": kind },
      el("table", { class: "list" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
  }
  const row = (...cells) => el("tr", {}, cells.map((cell) => Array.isArray(cell) && cell.number !== undefined
    ? el("td", { class: "n" }, cell) : el("td", {}, cell)));
  /// A cell with a number.
  const num = (value) => Object.assign([typeof value === "number" ? number(value) : value], { number: true });
  const bar = (value, all) => {
    const node = el("span", { class: "bar" });
    node.style.width = Math.max(1, Math.round(80 * value / Math.max(1, all))) + "px";
    return node;
  };
  /// A long list, of which more is shown on demand.
  function chunked(all, size, render, into) {
    let shown = 0;
    const more = el("button", { type: "button", on: { click: () => grow() } });
    const place = el("p", {}, more);
    function grow(until) {
      const end = Math.min(all.length, Math.max(shown + size, until === undefined ? 0 : until + 1));
      for (; shown < end; shown++) into.append(render(all[shown], shown));
      more.textContent = "Show more: " + number(all.length - shown) + " left";
      place.hidden = shown >= all.length;
    }
    grow();
    return { place, upTo: (index) => { if (index >= shown) grow(index); } };
  }

  // What is this, and what did it do?
  function overview() {
    const own = D.codes.filter((code) => !code.library);
    const refused = items(D.tried).filter((line) => !line.allowed);
    const card = (value, text, href) => el(href && value !== "0" ? "a" : "div", { class: "card", href: value === "0" ? null : href }, el("b", {}, value), el("span", {}, text));
    const cards = [
      card(number(D.instructions), "instructions recorded", "#when"),
      card(share(own.reduce((sum, code) => sum + code.own, 0), D.instructions), "in the program's own code", "#code"),
      card(number(own.length), "code objects of its own ran", "#code"),
      card(number(D.unused.length), "never ran", "#unused"),
      card(number(D.exceptions.length), "different exceptions", "#exceptions"),
      card(number(items(D.tried).length), "attempts outside itself, " + number(refused.length) + " refused", "#tried"),
    ];
    const out = [heading("What did it do?"), el("div", { class: "cards" }, cards), heading("What is this?"),
      el("table", { class: "facts" }, el("tbody", {}, D.facts.map(([what, text]) =>
        el("tr", {}, el("th", { scope: "row" }, what), el("td", { class: "mono" }, text)))))];
    out.push(heading("Oddities"));
    out.push(D.oddities.length ? el("ul", {}, D.oddities.map((odd) => el("li", {}, odd.text, " ",
      odd.code === null ? "" : link(odd.code, odd.offset)))) : none("Nothing that a compiler's output does not do."));
    const tried = items(D.tried);
    out.push(heading("What it tried"), tried.length ? triedTable(tried.slice(0, 8)) : none(triedNothing()));
    if (tried.length > 8) out.push(el("p", {}, el("a", { href: "#tried" }, "All " + number(tried.length) + " attempts")));
    const telling = items(D.strings).filter((line) => line.kind).slice(0, 8);
    if (telling.length) out.push(heading("Strings worth reading"), table([["kind", false], ["string", false], ["place", false]], telling.map((line) =>
      row(el("span", { class: "dim" }, line.kind), el("span", { class: "mono" }, line.string), linkOf(line))), "Strings"));
    const rejecting = items(D.compares).filter((line) => /rejected/.test(line.rank || "")).slice(0, 8);
    if (rejecting.length) out.push(heading("Comparisons that rejected something"), table([["comparison", false], ["result", false], ["place", false]],
      rejecting.map((line) => row(el("span", { class: "mono" }, line.text || ""), el("span", { class: "mono" }, line.result || line.exception || ""),
        linkOf(line))), "Comparisons"));
    out.push(heading("Where the instructions went"), codeTable(D.codes.slice(0, 12)));
    if (D.exceptions.length) out.push(heading("Exceptions"), exceptionTable(D.exceptions.slice(0, 6)));
    if (D.cut.length) out.push(heading("Not on this page"), el("ul", {}, D.cut.map((text) => el("li", {}, text))));
    return out;
  }
  function codeTable(codes) {
    const most = Math.max(1, ...codes.map((code) => code.own));
    return table([["instructions", true], ["", false], ["with calls", true], ["entered", true], ["code object", false], ["file", false]],
      codes.map((code) => row(num(code.own), bar(code.own, most), num(code.total), num(code.entered), link(D.codes.indexOf(code)),
        el("span", { class: "dim" }, placeOf(code)))), "Code objects");
  }

  // When?
  const zoom = { from: 0, to: D.timeline.stretches.length };
  function when() {
    const t = D.timeline;
    if (!t.stretches.length) return [heading("Timeline"), none("The trace has no instructions.")];
    const canvas = el("canvas", { role: "img", tabindex: 0,
      "aria-label": "Instructions by code object over the run. Arrow keys move, plus and minus zoom." });
    const tip = el("div", { class: "tip", hidden: true });
    const shown = el("p", { class: "note", "aria-live": "polite" });
    const shell = el("code", { class: "cmd" });
    const threads = Math.max(1, t.threads);
    const height = threads > 1 ? 44 : 120;
    function draw() {
      const ratio = window.devicePixelRatio || 1;
      const width = canvas.clientWidth;
      canvas.style.height = threads * height + "px";
      canvas.width = Math.max(1, Math.round(width * ratio));
      canvas.height = Math.round(threads * height * ratio);
      const context = canvas.getContext("2d");
      context.scale(ratio, ratio);
      const count = zoom.to - zoom.from;
      const columns = Math.max(1, Math.min(count, Math.floor(width)));
      for (let column = 0; column < columns; column++) {
        const first = zoom.from + Math.floor(column * count / columns);
        const last = Math.max(first + 1, zoom.from + Math.floor((column + 1) * count / columns));
        const x = column * width / columns;
        for (let thread = 0; thread < threads; thread++) {
          const sums = new Map();
          for (let at = first; at < last; at++) {
            for (const [of, index, value] of t.stretches[at]) if (of === thread) sums.set(index, (sums.get(index) || 0) + value);
          }
          let y = (thread + 1) * height;
          for (const [index, value] of [...sums].sort((a, b) => (a[0] < 0) - (b[0] < 0) || a[0] - b[0])) {
            const part = value / (t.width * (last - first)) * (height - 2);
            context.fillStyle = colorOf(index);
            context.fillRect(x, y - part, Math.ceil(width / columns), part);
            y -= part;
          }
        }
      }
      const [from, to] = [zoom.from * t.width + 1, Math.min(zoom.to * t.width, Math.max(D.instructions, 1))];
      shown.textContent = "Instructions " + number(from) + " to " + number(to)
        + (threads > 1 ? ", one row for each thread" : "");
      shell.textContent = "$ bctrace show -r --from " + from + " --to " + to + " " + word(D.trace);
    }
    function change(from, to) {
      const length = Math.max(4, Math.min(t.stretches.length, Math.round(to - from)));
      zoom.from = Math.max(0, Math.min(t.stretches.length - length, Math.round(from)));
      zoom.to = Math.min(t.stretches.length, zoom.from + length);
      draw();
    }
    const scale = (factor, center) => {
      const middle = center === undefined ? (zoom.from + zoom.to) / 2 : center;
      change(middle - (middle - zoom.from) * factor, middle + (zoom.to - middle) * factor);
    };
    const shift = (part) => {
      const by = Math.max(1, (zoom.to - zoom.from) * Math.abs(part)) * Math.sign(part);
      change(zoom.from + by, zoom.to + by);
    };
    function at(event) {
      const box = canvas.getBoundingClientRect();
      const stretch = zoom.from + Math.floor((event.clientX - box.left) / box.width * (zoom.to - zoom.from));
      const thread = Math.floor((event.clientY - box.top) / height);
      return { stretch, list: (t.stretches[stretch] || []).filter(([of]) => of === thread).sort((a, b) => b[2] - a[2]) };
    }
    canvas.addEventListener("mousemove", (event) => {
      const { stretch, list } = at(event);
      tip.replaceChildren(el("div", {}, "Instructions from " + number(stretch * t.width + 1)), list.slice(0, 6).map(([, index, value]) =>
        el("div", {}, (D.codes[index] ? title(D.codes[index]) : "other code") + "  " + share(value, t.width))).reduce((box, line) => {
        box.append(line);
        return box;
      }, el("div", {})));
      tip.hidden = !list.length;
      tip.style.left = Math.min(event.clientX + 12, window.innerWidth - 260) + "px";
      tip.style.top = event.clientY + 14 + "px";
    });
    canvas.addEventListener("mouseleave", () => { tip.hidden = true; });
    canvas.addEventListener("click", (event) => {
      const { list } = at(event);
      if (list.length && D.codes[list[0][1]]) location.hash = hashOf(D.codes[list[0][1]]);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      scale(event.deltaY > 0 ? 1.25 : 0.8, at(event).stretch);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const action = { "+": () => scale(0.5), "=": () => scale(0.5), "-": () => scale(2), ArrowLeft: () => shift(-0.25),
        ArrowRight: () => shift(0.25), Home: () => change(0, zoom.to - zoom.from), 0: () => change(0, t.stretches.length) }[event.key];
      if (action) { event.preventDefault(); action(); }
    });
    const button = (text, label, action) => el("button", { type: "button", "aria-label": label, on: { click: action } }, text);
    const used = new Set(t.stretches.flatMap((stretch) => stretch.map(([, index]) => index)));
    const named = COLORS.map((_, index) => index).filter((index) => used.has(index));
    const legend = el("ul", { class: "legend" }, named.map((index) => el("li", {}, swatch(colorOf(index)), link(index))),
      [...used].some((index) => index < 0 || index >= COLORS.length) ? el("li", {}, swatch(OTHER), "all others") : null);
    queueMicrotask(draw);
    redraw = draw;
    return [heading("Timeline"), note("What ran when: click to see the code. Ctrl or Shift with the wheel, or + and -, zoom."),
      el("div", { class: "bars" }, button("+", "Zoom in", () => scale(0.5)), button("−", "Zoom out", () => scale(2)),
        button("◀", "Earlier", () => shift(-0.5)), button("▶", "Later", () => shift(0.5)),
        button("All", "Show the whole run", () => change(0, t.stretches.length))),
      el("div", { class: "picture" }, canvas), tip, shown, legend, shell, ...flame()];
  }
  const swatch = (color) => {
    const node = el("span", { class: "swatch" });
    node.style.background = color;
    return node;
  };

  // Where: instructions by call path.
  let root = 0;
  function flame() {
    const f = D.flame;
    const children = f.parents.map(() => []);
    f.parents.forEach((parent, node) => { if (node > 0) children[parent].push(node); });
    const totals = f.own.slice();
    for (let node = totals.length - 1; node > 0; node--) totals[f.parents[node]] += totals[node];
    children.forEach((list) => list.sort((a, b) => totals[b] - totals[a]));
    const box = el("div", { class: "flame picture", role: "group", "aria-label": "Instructions by call path; arrow keys move" });
    const about = el("p", { class: "note", "aria-live": "polite" });
    const nameOf = (node) => node === 0 ? "all" : D.codes[f.codes[node]] ? title(D.codes[f.codes[node]]) : "other code";
    const say = (node) => {
      const code = D.codes[f.codes[node]];
      about.replaceChildren(nameOf(node) + ": " + number(totals[node]) + " instructions, " + share(totals[node], totals[0])
        + ", own " + number(f.own[node]) + (node ? ", entered " + times(f.entered[node]) : "") + " ", code ? link(f.codes[node]) : "");
    };
    function draw(focused) {
      box.replaceChildren();
      const width = box.clientWidth || 800;
      let rowsUsed = 0;
      const chain = [];
      for (let node = root; node !== 0; node = f.parents[node]) chain.unshift(f.parents[node]);
      const place = (node, x, w, level, faded) => {
        const button = el("button", { type: "button", tabindex: node === (focused === undefined ? root : focused) ? 0 : -1,
          class: faded ? "faded" : null, "aria-label": nameOf(node) + ", " + number(totals[node]) + " instructions",
          on: {
            click: () => { root = node; draw(node); say(node); },
            mouseenter: () => say(node), focus: () => say(node), keydown: (event) => move(event, node),
          } }, w > 30 ? nameOf(node) : "");
        button.style.left = x + "px";
        button.style.width = Math.max(1, w - 1) + "px";
        button.style.top = level * 21 + "px";
        button.style.background = node === 0 ? OTHER : colorOf(f.codes[node]);
        button.dataset.node = node;
        box.append(button);
        rowsUsed = Math.max(rowsUsed, level + 1);
      };
      chain.forEach((node, level) => place(node, 0, width, level, true));
      const open = [[root, 0, width, chain.length]];
      while (open.length) {
        const [node, x, w, level] = open.pop();
        place(node, x, w, level, false);
        let left = x;
        for (const child of children[node]) {
          const size = w * totals[child] / Math.max(1, totals[node]);
          if (size >= 2) open.push([child, left, size, level + 1]);
          left += size;
        }
      }
      box.style.height = rowsUsed * 21 + 4 + "px";
      if (focused !== undefined) box.querySelector('[data-node="' + focused + '"]')?.focus();
    }
    function move(event, node) {
      const siblings = node ? children[f.parents[node]] : [0];
      const place = siblings.indexOf(node);
      const to = { ArrowDown: children[node][0], ArrowUp: node ? f.parents[node] : undefined, ArrowLeft: siblings[place - 1],
        ArrowRight: siblings[place + 1] }[event.key];
      const target = to === undefined ? null : box.querySelector('[data-node="' + to + '"]');
      if (!target) return;
      event.preventDefault();
      target.focus();
    }
    queueMicrotask(() => { draw(); say(root); });
    const drawTimeline = () => redraw;
    const before = drawTimeline();
    redraw = () => { before(); draw(); };
    return [heading("Flame graph"),
      note("Instructions by call path. Recursion is one box, and so is the standard library below its first function. Click a box to zoom."),
      box, about];
  }

  // How?
  function codePart(index, offset) {
    const list = el("nav", { class: "side-list", "aria-label": "Code objects" });
    const entry = (code, at) => el("a", { href: hashOf(code), class: "mono", "aria-current": at === index ? "true" : null,
      title: placeOf(code) }, el("span", { class: code.library ? "dim" : null }, title(code)), el("span", { class: "n" }, number(code.own)));
    const listed = chunked(D.codes, 200, entry, list);
    if (index >= 0) listed.upTo(index);
    list.append(listed.place);
    const unused = D.unused.length ? [heading("Never ran", "unused"), table([["instructions", true], ["code object", false], ["file", false]],
      D.unused.map((code) => row(num(code.instructions), el("span", { class: "mono" }, code.name), el("span", { class: "dim" }, placeOf(code)))),
      "Code objects that never ran")] : [];
    const right = index >= 0 ? listing(D.codes[index], offset) : [heading("Code objects"), note("The program's own come first."),
      codeTable(D.codes.slice(0, 300)), ...unused];
    return [el("div", { class: "split" }, list, el("div", {}, right))];
  }
  function listing(code, offset) {
    const out = [heading(title(code)), el("p", { class: "note" }, placeOf(code) + " · " + code.about),
      el("p", {}, number(code.own) + " instructions, with calls " + number(code.total) + "; entered " + times(code.entered)
        + "; first at instruction " + number(code.first))];
    if (code.version_of !== null) out.push(el("p", {}, "The program has changed these bytes; before, it was ", link(code.version_of), "."));
    out.push(el("code", { class: "cmd" }, "$ bctrace show -r --from " + code.first + " --count 100 -n " + word(code.name) + " " + word(D.trace)));
    if (!code.lines) {
      out.push(none(code.library ? "Listings of the standard library are not on this page." : "This listing is not on this page."));
      return out;
    }
    for (const line of code.lines) if (line.a === undefined) line.a = "";
    out.push(graph(code), heading("Listing"));
    const most = Math.max(1, ...code.lines.map((line) => line.c));
    const places = new Map(code.lines.map((line, at) => [line.o, at]));
    const { lanes, width } = arrows(code.lines, places);
    const body = el("tbody");
    const loops = loopsOf(code.lines, places);
    const render = (line) => {
      const heat = line.c ? 0.1 + (most > 1 ? 0.45 * Math.log(line.c) / Math.log(most) : 0) : 0;
      const count = el("td", { class: "n" }, line.c ? number(line.c) : "");
      if (heat) count.style.background = "rgba(var(--heat), " + heat.toFixed(2) + ")";
      const sides = sidesOf(line) + (loops.get(line.o) || "");
      const target = line.t !== undefined && places.has(line.t) ? el("a", { href: hashOf(code, line.t) }, "→ " + line.a) : line.a;
      const gutter = el("td", { class: "arrows" });
      gutter.style.minWidth = width + "px";
      const tr = el("tr", { class: (line.c ? "" : "never ") + (line.o === offset ? "here" : ""), id: "at-" + line.o }, gutter,
        el("td", { class: "n dim", title: line.l === undefined ? null : "line " + line.l }, line.l === undefined ? "" : String(line.l)),
        el("td", { class: "n" }, el("a", { href: hashOf(code, line.o) }, String(line.o))), count,
        el("td", { class: "op" + (line.x ? " overlap" : ""), title: line.x ? "overlaps the instruction before it" : null }, line.n),
        el("td", { class: "arg", title: line.a.length + sides.length > 30 ? line.a + sides : null }, target || "", el("span", { class: "side" }, sides)), seen(line));
      return tr;
    };
    const rowsShown = chunked(code.lines, 1500, render, body);
    if (offset !== undefined && places.has(offset)) rowsShown.upTo(places.get(offset));
    const head = el("thead", {}, el("tr", {}, ["", "line", "offset", "executed", "instruction", "operand", ...(D.has_values ? ["values"] : [])].map((name, at) =>
      el("th", { class: at > 0 && at < 4 ? "n" : null, scope: "col" }, name))));
    const box = el("div", { class: "listing" + (D.has_values ? " valued" : "") }, el("table", {}, head, body), picture(lanes, width));
    out.push(el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Listing" }, box), rowsShown.place);
    if (offset !== undefined) queueMicrotask(() => document.getElementById("at-" + offset)?.scrollIntoView({ block: "center" }));
    return out;
  }
  const sidesOf = (line) => line.j === undefined ? "" : "  jumps " + number(line.j) + ", goes on " + number(line.c - line.j);
  /// By offset: that a loop begins or goes back there, and how often it came round.
  function loopsOf(lines, places) {
    const loops = new Map();
    const heads = new Map();
    lines.forEach((line, at) => {
      const rounds = line.j === undefined ? line.c : line.j;
      if (line.t === undefined || line.t > line.o || !places.has(line.t) || !rounds) return;
      loops.set(line.o, "  ↑ back " + times(rounds));
      const head = heads.get(line.t) || { rounds: 0, last: at };
      heads.set(line.t, { rounds: head.rounds + rounds, last: Math.max(head.last, at) });
    });
    for (const [offset, { rounds, last }] of heads) {
      loops.set(offset, (loops.get(offset) || "") + "  ↻ " + number(last - places.get(offset) + 1) + " instructions, round " + times(rounds));
    }
    return loops;
  }
  /// The cell with the values of an instruction: the first, the last, and how many there were.
  function seen(line) {
    if (!D.has_values) return null;
    if (!line.v) return el("td");
    const [first, last, distinct] = line.v;
    const parts = [el("span", { title: first }, first)];
    if (last) parts.push(el("span", { class: "dim" }, " … "), el("span", { title: last }, last));
    if (distinct) parts.push(el("span", { class: "dim" }, "  (" + distinct + " different)"));
    return el("td", { class: "seen" }, parts);
  }
  const BLOCKS = 250;
  /// The control-flow graph, drawn when it is opened.
  function graph(code) {
    const blocks = Graph.blocks(code.lines);
    if (!blocks) return note("No graph: instructions that ran overlap.");
    if (blocks.length > BLOCKS) return note("No graph: " + number(blocks.length) + " blocks are too many to draw.");
    const box = el("div", { class: "graph", tabindex: 0, role: "region", "aria-label": "Control-flow graph" });
    const details = el("details", {}, el("summary", {}, "Control-flow graph: " + (blocks.length === 1 ? "1 block" : number(blocks.length) + " blocks")), box);
    const draw = () => {
      if (!details.open || box.firstChild) return;
      const { node, middle } = drawing(code, blocks);
      box.append(node);
      // The first block is in the middle of what is seen.
      queueMicrotask(() => { box.scrollLeft = middle - box.clientWidth / 2; });
    };
    details.addEventListener("toggle", draw);
    details.open = blocks.length > 1 && blocks.length <= 40;
    draw();
    return details;
  }
  function drawing(code, blocks) {
    const plan = Graph.layout(blocks);
    const right = Math.ceil(plan.width + 24);
    const node = svg("svg", { width: right, height: plan.height, viewBox: `0 0 ${right} ${plan.height}`, role: "group",
      "aria-label": blocks.length + " blocks of " + title(code) });
    const most = Math.max(1, ...code.lines.map((line) => line.c));
    const labels = [];
    for (const { edge, turned, points } of plan.paths) {
      const kind = edge.kind + (edge.times === 0 ? " never" : "") + (turned ? " back" : "");
      const [x, y] = points[points.length - 1];
      const [px, py] = points[points.length - 2];
      const angle = Math.atan2(y - py, x - px);
      const wing = (turn) => `${(x - 7 * Math.cos(angle + turn)).toFixed(1)} ${(y - 7 * Math.sin(angle + turn)).toFixed(1)}`;
      node.append(svg("path", { d: "M" + points.map((point) => point.map((value) => value.toFixed(1)).join(" ")).join(" L") + ` M${wing(0.45)} L${x.toFixed(1)} ${y.toFixed(1)} L${wing(-0.45)}`, class: kind }));
      if (edge.times) {
        const label = svg("text", { x: (points[0][0] * 0.6 + points[1][0] * 0.4 + 4).toFixed(1), y: (points[0][1] * 0.6 + points[1][1] * 0.4 + 4).toFixed(1), class: "times" });
        label.textContent = number(edge.times);
        labels.push(label);
      }
    }
    for (const { block, rows, x, y, width, height } of plan.boxes) {
      const ran = Math.max(...block.lines.map((line) => line.c));
      const first = block.lines[0].o;
      const go = svg("a", { href: hashOf(code, first), "aria-label": "Block at " + first + ", executed " + times(ran) });
      const rect = svg("rect", { x: (x - width / 2).toFixed(1), y, width: width.toFixed(1), height, rx: 4, class: block.ran ? "" : "never" });
      if (ran) rect.style.fill = "rgba(var(--heat), " + (0.06 + (most > 1 ? 0.34 * Math.log(ran) / Math.log(most) : 0)).toFixed(2) + ")";
      go.append(rect);
      rows.forEach((text, at) => {
        const line = svg("text", { x: (x - width / 2 + Graph.TEXT.pad).toFixed(1), y: y + Graph.TEXT.pad + at * Graph.TEXT.height + 12, class: block.ran ? "" : "never" });
        line.textContent = text;
        go.append(line);
      });
      node.append(go);
    }
    node.append(...labels);
    return { node, middle: plan.boxes[0].x };
  }
  const LANE = 9;
  /// Gives each jump a lane beside the listing, the shortest next to it; those that find none have no arrow.
  function arrows(lines, places) {
    const jumps = [];
    lines.forEach((line, from) => {
      if (line.t !== undefined && places.has(line.t)) jumps.push({ from, to: places.get(line.t), ran: line.j === undefined ? line.c > 0 : line.j > 0 });
    });
    jumps.sort((a, b) => Math.abs(a.from - a.to) - Math.abs(b.from - b.to));
    const lanes = [];
    for (const jump of jumps.slice(0, 4000)) {
      const [low, high] = [Math.min(jump.from, jump.to), Math.max(jump.from, jump.to)];
      let lane = 0;
      while (lane < 8 && (lanes[lane] || []).some((other) => other.low <= high && low <= other.high)) lane++;
      if (lane === 8) continue;
      (lanes[lane] = lanes[lane] || []).push({ low, high, ...jump });
    }
    return { lanes, width: lanes.length * LANE + 14 };
  }
  function picture(lanes, width) {
    const HEAD = 20;
    const node = svg("svg", { width, height: 1, "aria-hidden": "true" });
    let bottom = 0;
    lanes.forEach((jumps, lane) => jumps.forEach((jump) => {
      const x = width - 12 - (lane + 1) * LANE + LANE / 2;
      const [y1, y2] = [HEAD + jump.from * 20 + 10, HEAD + jump.to * 20 + 10];
      bottom = Math.max(bottom, y1, y2);
      const end = width - 4;
      node.append(svg("path", { d: `M${end} ${y1} H${x} V${y2} H${end} m-4 -3 l4 3 l-4 3`, class: jump.ran ? "" : "never" }));
    }));
    node.setAttribute("height", bottom + 20);
    return node;
  }

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
    return head && head.sandbox === "watched" ? "The program tried nothing outside itself."
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
      const shown = { overview, when, code: () => codePart(-1), unused: () => codePart(-1), calls: callsPart, compares: comparesPart, strings: stringsPart,
        exceptions: exceptionsPart, tried: triedPart, layers: layersPart }[hash];
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
    const tab = PARTS[Number(event.key) - 1];
    if (event.key === "/") { event.preventDefault(); field.focus(); } else if (tab) location.hash = tab[0];
  });
  window.addEventListener("hashchange", show);
  window.addEventListener("resize", () => redraw());
  show();
})();
