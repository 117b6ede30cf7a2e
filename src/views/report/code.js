
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
    out.push(graph(code));
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
        el("td", { class: "op" + (line.x ? " overlap" : ""), title: line.x ? "overlaps an instruction that ran" : null }, line.n),
        el("td", { class: "arg", title: line.a.length + sides.length > 30 ? line.a + sides : null }, target || "", el("span", { class: "side" }, sides)), seen(line));
      return tr;
    };
    const rowsShown = chunked(code.lines, 1500, render, body);
    if (offset !== undefined && places.has(offset)) rowsShown.upTo(places.get(offset));
    const head = el("thead", {}, el("tr", {}, ["", "line", "offset", "executed", "instruction", "operand", ...(D.has_values ? ["values"] : [])].map((name, at) =>
      el("th", { class: at > 0 && at < 4 ? "n" : null, scope: "col" }, name))));
    const box = el("div", { class: "listing" + (D.has_values ? " valued" : "") }, el("table", {}, head, body), picture(lanes, width));
    const ran = [heading("Listing"), el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Listing" }, box), rowsShown.place];
    out.push(...(code.clean && code.clean.lines ? [el("div", { class: "beside" }, el("div", {}, ran), el("div", {}, cleanListing(code.clean)))]
      : [...ran, cleanNote(code)]));
    if (offset !== undefined) queueMicrotask(() => document.getElementById("at-" + offset)?.scrollIntoView({ block: "center" }));
    return out;
  }
  /// What `bctrace clean` made of a code object, beside it.
  function cleanListing(clean) {
    const places = new Map(clean.lines.map((line, at) => [line.o, at]));
    const { lanes, width } = arrows(clean.lines, places, true);
    const body = el("tbody");
    const rowsShown = chunked(clean.lines, 1500, (line) => {
      const gutter = el("td", { class: "arrows" });
      gutter.style.minWidth = width + "px";
      const text = line.a || "";
      return el("tr", {}, gutter, el("td", { class: "n dim" }, line.l === undefined ? "" : String(line.l)), el("td", { class: "n" }, String(line.o)),
        el("td", { class: "op" }, line.n), el("td", { class: "arg", title: text.length > 30 ? text : null }, line.t === undefined ? text : "→ " + text));
    }, body);
    const head = el("thead", {}, el("tr", {}, ["", "line", "offset", "instruction", "operand"].map((name, at) =>
      el("th", { class: at === 1 || at === 2 ? "n" : null, scope: "col" }, name))));
    const box = el("div", { class: "listing clean" }, el("table", {}, head, body), picture(lanes, width));
    return [heading("Clean listing"), el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Clean listing" }, box), rowsShown.place,
      note(clean.name + " in " + clean.file + ", as bctrace clean has made it: " + number(clean.lines.length) + " instructions")];
  }
  const cleanNote = (code) => !D.clean || code.library ? null
    : note(!code.clean ? "The clean folder has nothing that was made of it." : code.clean.same ? "bctrace clean left it as it is." : "Its clean listing is not on this page.");
  /// The layer that a code object is, if it says what made it: where that was, as a code object's place and an offset.
  function layerOf(code) {
    const all = items(D.layers);
    const layer = all.find((line) => line.code === code.id);
    if (!layer || layer.instruction === undefined) return null;
    const maker = all.find((line) => line.number === layer.parent);
    return { ...layer, by: maker && byId.get(maker.code) };
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
  function arrows(lines, places, all) {
    const jumps = [];
    lines.forEach((line, from) => {
      if (line.t !== undefined && places.has(line.t)) jumps.push({ from, to: places.get(line.t), ran: all || (line.j === undefined ? line.c > 0 : line.j > 0) });
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
