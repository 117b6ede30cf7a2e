"use strict";
// Shows the data of a report.  Text goes into the page as text nodes alone, so nothing that a program chose is ever markup.
// code.js, parts.js and frame.js go on inside this function.
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
    ["constants", "Constants", () => constants().length],
    ["exceptions", "Exceptions", () => D.exceptions.length],
    ["tried", "Tried", () => items(D.tried).length],
    ["layers", "Layers", () => items(D.layers).length],
    ["tricks", "Tricks", () => items(D.tricks).length],
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
      card(number(items(D.tricks).length), "tricks against tracers", "#tricks"),
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
