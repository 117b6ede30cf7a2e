"use strict";
// Makes the control-flow graph of a listing and lays it out in layers: blocks of instructions, and how often control went from one to
// another.  Knows nothing of the page.
const Graph = (() => {
  const ENDS = /^(JUMP_FORWARD|JUMP_ABSOLUTE|CONTINUE_LOOP|BREAK_LOOP|RETURN_VALUE|RAISE_VARARGS|END_FINALLY|STOP_CODE)$/;
  const JUMPS = /^(JUMP_FORWARD|JUMP_ABSOLUTE|CONTINUE_LOOP|POP_JUMP_IF_\w+|JUMP_IF_\w+|FOR_ITER)$/;
  const HANDLED = /^SETUP_(EXCEPT|FINALLY|WITH)$/;
  const TEXT = { columns: 42, rows: 10, width: 7.3, height: 16, pad: 8 };
  const GAP = { x: 26, y: 46 };

  /// Makes blocks of the instructions of a listing that overlap none that ran; null if some that ran overlap each other.
  function blocks(lines) {
    if (lines.some((line) => line.x && line.c > 0)) return null;
    const straight = lines.filter((line) => !line.x);
    const at = new Map(straight.map((line, index) => [line.o, index]));
    const leads = new Set([0]);
    straight.forEach((line, index) => {
      if (line.t !== undefined && at.has(line.t)) leads.add(at.get(line.t));
      if (ENDS.test(line.n) || JUMPS.test(line.n)) leads.add(index + 1);
    });
    const firsts = [...leads].filter((index) => index < straight.length).sort((a, b) => a - b);
    const blockAt = new Map(firsts.map((first, block) => [straight[first].o, block]));
    return firsts.map((first, block) => {
      const part = straight.slice(first, firsts[block + 1]);
      return { lines: part, ran: part.some((line) => line.c > 0), edges: edgesOf(part, block, firsts.length, blockAt, straight) };
    });
  }
  function edgesOf(part, block, count, blockAt, straight) {
    const last = part[part.length - 1];
    const edges = [];
    const add = (to, times, kind) => { if (to !== undefined) edges.push({ to, times, kind }); };
    for (const line of part) if (HANDLED.test(line.n)) add(blockAt.get(line.t), null, "handler");
    const taken = last.j === undefined ? last.c : last.j;
    if (JUMPS.test(last.n)) add(blockAt.get(last.t), taken, "jump");
    if (last.n === "BREAK_LOOP") {
      const loops = straight.filter((line) => line.n === "SETUP_LOOP" && line.o < last.o && last.o < line.t);
      if (loops.length) add(blockAt.get(loops[loops.length - 1].t), last.c, "jump");
    }
    const goesOn = !ENDS.test(last.n) || last.n === "END_FINALLY";
    if (goesOn && block + 1 < count) add(block + 1, last.n === "END_FINALLY" ? null : last.j === undefined ? last.c : last.c - last.j, "next");
    return edges;
  }

  /// Lays blocks out; returns boxes, lines and the size of the picture.
  function layout(all) {
    const back = backEdges(all);
    const rank = ranks(all, back);
    const nodes = all.map((block, id) => ({ id, block, rank: rank[id], ...sizeOf(block), up: [], down: [] }));
    const paths = [];
    all.forEach((block, from) => block.edges.forEach((edge) => {
      const turned = back.has(from + ">" + edge.to);
      const [top, bottom] = turned ? [edge.to, from] : [from, edge.to];
      paths.push({ edge, from, turned, nodes: chain(nodes, top, bottom) });
    }));
    const layers = [];
    for (const node of nodes) (layers[node.rank] = layers[node.rank] || []).push(node);
    order(layers);
    const width = place(layers);
    let y = TEXT.pad;
    for (const layer of layers) {
      const height = Math.max(...layer.map((node) => node.height));
      for (const node of layer) [node.y, node.bottom] = [y, y + height];
      y += height + GAP.y;
    }
    return { boxes: nodes.filter((node) => node.block), paths: paths.map(points), width: width + 2 * TEXT.pad, height: y - GAP.y + TEXT.pad };
  }
  /// Rows of text of a block, as far as they are shown.
  function rowsOf(block) {
    const text = (line) => (line.o + " " + line.n + (line.a ? " " + line.a : ""));
    const rows = block.lines.map(text).map((row) => row.length > TEXT.columns ? row.slice(0, TEXT.columns - 1) + "…" : row);
    const [head, tail] = [TEXT.rows - 2, 1];
    return rows.length <= TEXT.rows ? rows : [...rows.slice(0, head), "… " + (rows.length - head - tail) + " more", ...rows.slice(-tail)];
  }
  function sizeOf(block) {
    const rows = rowsOf(block);
    return { rows, width: Math.max(60, Math.max(...rows.map((row) => row.length)) * TEXT.width + 2 * TEXT.pad),
      height: rows.length * TEXT.height + 2 * TEXT.pad };
  }
  /// The edges that lead back to a block on the way from the first one.
  function backEdges(all) {
    const back = new Set();
    const state = new Array(all.length).fill(0);
    for (let root = 0; root < all.length; root++) {
      if (state[root]) continue;
      const stack = [[root, 0]];
      state[root] = 1;
      while (stack.length) {
        const top = stack[stack.length - 1];
        const edge = all[top[0]].edges[top[1]++];
        if (!edge) {
          state[top[0]] = 2;
          stack.pop();
        } else if (state[edge.to] === 1) back.add(top[0] + ">" + edge.to);
        else if (state[edge.to] === 0) {
          state[edge.to] = 1;
          stack.push([edge.to, 0]);
        }
      }
    }
    return back;
  }
  /// The layer of each block: below all that lead to it.
  function ranks(all, back) {
    const waits = new Array(all.length).fill(0);
    const forward = (from) => all[from].edges.filter((edge) => !back.has(from + ">" + edge.to));
    all.forEach((_, from) => forward(from).forEach((edge) => waits[edge.to]++));
    const rank = new Array(all.length).fill(0);
    const ready = waits.flatMap((count, block) => count === 0 ? [block] : []);
    while (ready.length) {
      const from = ready.shift();
      for (const { to } of forward(from)) {
        rank[to] = Math.max(rank[to], rank[from] + 1);
        if (--waits[to] === 0) ready.push(to);
      }
    }
    return rank;
  }
  /// Joins two nodes by points in the layers between.
  function chain(nodes, top, bottom) {
    const path = [nodes[top]];
    for (let rank = nodes[top].rank + 1; rank < nodes[bottom].rank; rank++) {
      const point = { id: nodes.length, rank, width: 8, height: 0, up: [], down: [] };
      nodes.push(point);
      path.push(point);
    }
    path.push(nodes[bottom]);
    for (let at = 1; at < path.length; at++) if (path[at] !== path[at - 1]) {
      path[at - 1].down.push(path[at]);
      path[at].up.push(path[at - 1]);
    }
    return path;
  }
  /// Puts the nodes of each layer in the order of those that they are joined to, so that few lines cross.
  function order(layers) {
    const number = (layer) => layer.forEach((node, at) => { node.at = at; });
    layers.forEach(number);
    const mean = (list, otherwise) => list.length ? list.reduce((sum, node) => sum + node.at, 0) / list.length : otherwise;
    for (let sweep = 0; sweep < 8; sweep++) {
      const down = sweep % 2 === 0;
      for (const layer of down ? layers : [...layers].reverse()) {
        const key = new Map(layer.map((node) => [node, mean(down ? node.up : node.down, node.at)]));
        layer.sort((a, b) => key.get(a) - key.get(b) || a.at - b.at);
        number(layer);
      }
    }
  }
  /// Gives the middle of each node, near those that it is joined to; returns the width.
  function place(layers) {
    for (const layer of layers) {
      let x = 0;
      for (const node of layer) {
        node.x = x + node.width / 2;
        x += node.width + GAP.x;
      }
    }
    const apart = (left, right) => (left.width + right.width) / 2 + GAP.x;
    for (let sweep = 0; sweep < 12; sweep++) {
      const down = sweep % 2 === 0;
      for (const layer of down ? layers : [...layers].reverse()) {
        const wished = layer.map((node) => {
          const near = down ? node.up : node.down;
          return near.length ? near.reduce((sum, other) => sum + other.x, 0) / near.length : node.x;
        });
        // From the left and from the right as near as the neighbours allow; the middle of both keeps the distance too.
        const left = wished.slice();
        for (let at = 1; at < layer.length; at++) left[at] = Math.max(left[at], left[at - 1] + apart(layer[at - 1], layer[at]));
        const right = wished.slice();
        for (let at = layer.length - 2; at >= 0; at--) right[at] = Math.min(right[at], right[at + 1] - apart(layer[at], layer[at + 1]));
        layer.forEach((node, at) => { node.x = (left[at] + right[at]) / 2; });
      }
    }
    const every = layers.flat();
    const least = Math.min(...every.map((node) => node.x - node.width / 2));
    every.forEach((node) => { node.x += TEXT.pad - least; });
    return Math.max(...every.map((node) => node.x + node.width / 2));
  }
  /// The points of a line, in the direction of the edge.
  function points({ edge, from, turned, nodes }) {
    const [top, bottom] = [nodes[0], nodes[nodes.length - 1]];
    if (top === bottom) {
      const [x, y] = [top.x + top.width / 2, top.y + top.height / 2];
      return { edge, from, turned, points: [[x, y - 12], [x + 16, y - 12], [x + 16, y + 12], [x, y + 12]] };
    }
    const shift = edge.kind === "jump" ? 8 : edge.kind === "handler" ? 16 : -8;
    const line = [[top.x + shift, top.y + top.height], ...nodes.slice(1, -1).flatMap((node) => [[node.x, node.y], [node.x, node.bottom]]), [bottom.x + shift, bottom.y]];
    return { edge, from, turned, points: turned ? line.reverse() : line };
  }

  return { blocks, layout, TEXT };
})();
