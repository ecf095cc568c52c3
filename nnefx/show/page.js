"use strict";
// What a picture does in a browser. Rows and the order in them are given; coordinates are computed
// here as in place.py, because they depend on which groups are open.
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const G = DATA.geometry;
  const $ = (id) => document.getElementById(id);
  const items = new Map(); // by id
  const canvas = $("canvas"), view = $("view"), root = document.documentElement;
  let layout = null, chosen = null;
  let camera = { x: 0, y: 0, scale: 1 };

  (function index(level, parent, depth) {
    for (const item of level.items) {
      item.parent = parent;
      item.open = Boolean(item.level) && depth <= DATA.depth;
      items.set(item.id, item);
      if (item.level) index(item.level, item, depth + 1);
    }
  })(DATA.root, null, 1);

  // ---- coordinates: place.py says why

  function prepare(level) {
    if (level.links) return level;
    const flat = level.segments;
    level.links = [];
    for (let i = 0; i < flat.length; i += 5) {
      level.links.push({ a: flat[i], out: flat[i + 1], b: flat[i + 2], into: flat[i + 3], value: flat[i + 4] });
    }
    level.rowOf = new Array(level.count);
    level.rows.forEach((row, number) => row.forEach((slot) => { level.rowOf[slot] = number; }));
    level.leaving = new Array(level.count).fill(0);
    level.entering = new Array(level.count).fill(0);
    for (const link of level.links) { level.leaving[link.a]++; level.entering[link.b]++; }
    return level;
  }

  function place(level) {
    const { rows, links, rowOf } = prepare(level), count = level.items.length;
    const sized = level.items.map(size);
    const widths = new Array(level.count).fill(G.chain);
    sized.forEach((item, slot) => { widths[slot] = item.width; });
    const ends = links.map((s) => [
      s.a < count ? sized[s.a].outs[s.out] : G.chain / 2,
      s.b < count ? sized[s.b].ins[s.into] : G.chain / 2,
    ]);
    const xs = columns(level, widths, ends, count);
    untangle(links, sized, ends, xs);
    const heights = rows.map((row) => row.reduce((most, slot) => slot < count ? Math.max(most, sized[slot].height) : most, 0));
    const slants = rows.map(() => 0);
    links.forEach((s, i) => {
      const slant = Math.abs(xs[s.a] + ends[i][0] - xs[s.b] - ends[i][1]);
      slants[rowOf[s.a]] = Math.max(slants[rowOf[s.a]], slant);
    });
    const tops = [];
    let y = 0;
    rows.forEach((_, row) => {
      const last = (rows[row + 1] || []).some((slot) => slot < count && level.items[slot].kind === "out");
      tops.push(y);
      y += heights[row] + Math.min((last ? G.last : G.gap) + G.slant * slants[row], G.gapMost);
    });
    sized.forEach((item, slot) => {
      const row = rowOf[slot];
      item.x = xs[slot];
      item.y = item.item.kind === "out" ? tops[row] + heights[row] : tops[row] + (heights[row] - item.height) / 2;
    });
    const paths = new Map(), heads = [];
    links.forEach((s, i) => {
      const upper = rowOf[s.a], lower = rowOf[s.b];
      const x1 = xs[s.a] + ends[i][0], x2 = xs[s.b] + ends[i][1];
      const y0 = s.a < count ? sized[s.a].y + sized[s.a].height : tops[upper];
      const y3 = s.b < count ? sized[s.b].y : tops[lower];
      if (!paths.has(s.value)) paths.set(s.value, []);
      paths.get(s.value).push([x1, y0, tops[upper] + heights[upper], x2, tops[lower], y3]);
      if (s.b < count && level.items[s.b].kind !== "out") heads.push([x2, y3]);
    });
    const width = xs.reduce((most, x, slot) => Math.max(most, x + widths[slot]), 0);
    const last = rows.length - 1;
    return { width, height: rows.length ? tops[last] + heights[last] : 0, placed: sized, paths, heads };
  }

  function untangle(links, sized, ends, xs) {
    const meeting = new Map();
    links.forEach((s, i) => {
      if (s.b >= sized.length || sized[s.b].inside) return;
      if (!meeting.has(s.b)) meeting.set(s.b, []);
      meeting.get(s.b).push(i);
    });
    for (const numbers of meeting.values()) {
      const ports = numbers.map((i) => ends[i][1]).sort((a, b) => a - b);
      numbers.sort((i, j) => xs[links[i].a] + ends[i][0] - xs[links[j].a] - ends[j][0]);
      numbers.forEach((i, port) => { ends[i] = [ends[i][0], ports[port]]; });
    }
  }

  function size(item) {
    if (!item.open) {
      const ins = Array.from({ length: item.ins }, (_, port) => item.width * (port + 1) / (item.ins + 1));
      return { item, width: item.width, height: item.height + (item.pills.length ? G.pill : 0), ins, outs: item.outs };
    }
    const inside = place(item.level);
    const width = Math.max(inside.width + 2 * G.pad, item.head), left = (width - inside.width) / 2;
    const ins = inside.placed.filter((p) => p.item.kind === "in").map((p) => left + p.x + p.outs[0]);
    const outs = inside.placed.filter((p) => p.item.kind === "out").map((p) => left + p.x + p.ins[0]);
    return { item, width, height: G.head + inside.height + G.pill, ins, outs, inside, left };
  }

  function columns(level, widths, ends, count) {
    const { rows, links, leaving, entering } = level;
    const xs = new Array(level.count).fill(0);
    const up = xs.map(() => []), down = xs.map(() => []);
    links.forEach(({ a, b }, i) => {
      const [start, end] = ends[i];
      const alone = leaving[a] === 1 && (entering[b] === 1 || b >= count);
      const weight = a >= count && b >= count ? 8 : alone ? 4 : 1;
      up[b].push([a, start - end, weight]);
      down[a].push([b, end - start, weight]);
    });
    const spaces = rows.map((row) => {
      const offsets = [0];
      for (let i = 1; i < row.length; i++) {
        const space = row[i - 1] < count && row[i] < count ? G.apart : G.beside;
        offsets.push(offsets[i - 1] + widths[row[i - 1]] + space);
      }
      return offsets;
    });
    rows.forEach((row, r) => {
      const all = spaces[r][row.length - 1] + widths[row[row.length - 1]];
      row.forEach((slot, i) => { xs[slot] = spaces[r][i] - all / 2; });
    });
    for (let sweep = 0; sweep < G.sweeps; sweep++) {
      for (let i = 0; i < rows.length; i++) {
        const r = sweep % 2 === 0 ? i : rows.length - 1 - i;
        settle(rows[r], spaces[r], xs, sweep % 2 === 0 ? [up] : [down]);
      }
    }
    rows.forEach((row, r) => settle(row, spaces[r], xs, [up, down]));
    rows.forEach((row, r) => straighten(row, spaces[r], xs, up, down));
    const left = xs.reduce((least, x) => Math.min(least, x), Infinity);
    return xs.map((x) => x - left);
  }

  function settle(row, offsets, xs, sides) {
    const pools = [];
    row.forEach((slot, i) => {
      let total = 0, weight = 0;
      for (const side of sides) {
        for (const [other, shift, strength] of side[slot]) {
          total += (xs[other] + shift) * strength;
          weight += strength;
        }
      }
      let wanted = weight ? total / weight - offsets[i] : xs[slot] - offsets[i], size = 1;
      if (!weight) weight = 0.1;
      while (pools.length && pools[pools.length - 1][1] > wanted) {
        const [otherWeight, mean, otherSize] = pools.pop();
        wanted = (wanted * weight + mean * otherWeight) / (weight + otherWeight);
        weight += otherWeight;
        size += otherSize;
      }
      pools.push([weight, wanted, size]);
    });
    let i = 0;
    for (const [, mean, size] of pools) {
      for (let n = 0; n < size; n++, i++) xs[row[i]] = mean + offsets[i];
    }
  }

  function straighten(row, offsets, xs, up, down) {
    row.forEach((slot, i) => {
      if (up[slot].length !== 1) return;
      const [other, shift] = up[slot][0];
      if (down[other].length !== 1) return;
      let wanted = xs[other] + shift;
      if (i) wanted = Math.max(wanted, xs[row[i - 1]] + offsets[i] - offsets[i - 1]);
      if (i + 1 < row.length) wanted = Math.min(wanted, xs[row[i + 1]] - offsets[i + 1] + offsets[i]);
      xs[slot] = wanted;
    });
  }

  // ---- drawing, as in svg.py

  const n = (value) => value.toFixed(1);

  function curve([x1, y0, y1, x2, y2, y3]) {
    if (Math.abs(x1 - x2) < 0.05) return `M${n(x1)} ${n(y0)}V${n(y3)}`;
    const m = n((y1 + y2) / 2);
    return `M${n(x1)} ${n(y0)}V${n(y1)}C${n(x1)} ${m} ${n(x2)} ${m} ${n(x2)} ${n(y2)}V${n(y3)}`;
  }

  function drawLevel(level, placed) {
    const parts = [];
    const near = new Map();
    level.links.forEach((s) => {
      if (!near.has(s.value)) near.set(s.value, []);
      for (const slot of [s.a, s.b]) {
        if (slot < level.items.length) near.get(s.value).push(level.items[slot].id);
      }
    });
    placed.paths.forEach((lines, value) => {
      parts.push(`<path class="link" data-near=" ${near.get(value).join(" ")} " d="${lines.map(curve).join("")}"/>`);
    });
    parts.push(`<path class="tip" d="${placed.heads.map(([x, y]) => `M${n(x)} ${n(y)}l-3.5-6.5h7z`).join("")}"/>`);
    for (const item of placed.placed) parts.push(drawItem(item));
    return parts.join("");
  }

  function drawItem(p) {
    const { item } = p;
    if (item.kind === "in" || item.kind === "out") return "";
    const lower = p.height - (item.pills.length ? G.pill : 0);
    let body = item.body;
    if (p.inside) {
      const width = `width="${n(p.width)}"`;
      body = `<rect class="frame" ${width} height="${n(lower)}" rx="9"/><rect class="bar" ${width} height="${G.head - 2}" rx="9"/>` +
        `${item.bar}<g transform="translate(${n(p.left)} ${G.head - 2})">${drawLevel(item.level, p.inside)}</g>`;
    }
    const pills = item.pills.map((pill, i) =>
      `<path class="link" d="M${n(p.outs[i])} ${n(lower)}v${G.pill}"/><g transform="translate(${n(p.outs[i])} ${n(lower + 4)})">${pill}</g>`);
    return `<g class="item" data-id="${item.id}" transform="translate(${n(p.x)} ${n(p.y)})">${pills.join("")}${body}</g>`;
  }

  function draw() {
    layout = place(DATA.root);
    view.innerHTML = drawLevel(DATA.root, layout);
    mark();
  }

  function mark() {
    for (const old of view.querySelectorAll(".chosen, .near")) old.classList.remove("chosen", "near");
    if (chosen === null) return;
    const drawn = element(chosen);
    if (drawn) drawn.classList.add("chosen");
    for (const link of view.querySelectorAll(`[data-near*=" ${chosen} "]`)) link.classList.add("near");
  }

  const element = (id) => view.querySelector(`[data-id="${id}"]`);

  // ---- where one looks

  function look() {
    view.setAttribute("transform", `translate(${camera.x} ${camera.y}) scale(${camera.scale})`);
    canvas.classList.toggle("far", camera.scale < 0.3);
  }

  function zoom(factor, x = innerWidth / 2, y = innerHeight / 2) {
    const scale = Math.min(Math.max(camera.scale * factor, 0.005), 6), by = scale / camera.scale;
    camera = { x: x - (x - camera.x) * by, y: y - (y - camera.y) * by, scale };
    look();
  }

  function fit(least = 0) {
    const wide = (innerWidth - 48) / layout.width, high = (innerHeight - 120) / layout.height;
    const scale = Math.max(Math.min(wide, high, 1.2), least);
    const tall = layout.height * scale > innerHeight - 120;
    camera = {
      scale,
      x: (innerWidth - layout.width * scale) / 2,
      y: tall ? 72 : 72 + (innerHeight - 96 - layout.height * scale) / 2,
    };
    if (layout.placed.length && layout.width * scale > innerWidth) {
      const first = layout.placed[0];
      camera.x = innerWidth / 2 - (first.x + first.width / 2) * scale;
    }
    look();
  }

  function origin(id) { // of a box, in pixels of the picture
    let x = 0, y = 0, placed = layout.placed;
    const path = [];
    for (let item = items.get(id); item; item = item.parent) path.unshift(item);
    let found = null;
    path.forEach((item, step) => {
      found = placed.find((p) => p.item === item);
      x += found.x;
      y += found.y;
      if (step < path.length - 1) {
        x += found.left;
        y += G.head - 2;
        placed = found.inside.placed;
      }
    });
    return { x, y, width: found.width, height: found.height };
  }

  function toggle(item, open = !item.open) {
    const before = origin(item.id);
    item.open = open;
    draw();
    const after = origin(item.id); // what was clicked stays where it is
    camera.x += (before.x + before.width / 2 - after.x - after.width / 2) * camera.scale;
    camera.y += (before.y - after.y) * camera.scale;
    look();
    if (chosen !== null) describe(items.get(chosen));
  }

  function all(open) {
    for (const item of items.values()) if (item.level) item.open = open;
    if (chosen !== null && hiddenBy(items.get(chosen))) choose(null);
    draw();
    fit(0.25);
  }

  const hiddenBy = (item) => { for (let p = item.parent; p; p = p.parent) if (!p.open) return p; return null; };

  function reveal(id) {
    const item = items.get(id);
    let closed = false;
    for (let p = item.parent; p; p = p.parent) { closed = closed || !p.open; p.open = true; }
    if (closed) draw();
    choose(id);
    const at = origin(id), scale = Math.max(camera.scale, 0.8);
    const free = innerWidth - $("panel").getBoundingClientRect().width; // beside the panel
    camera = {
      scale,
      x: (free > 400 ? free : innerWidth) / 2 - (at.x + at.width / 2) * scale,
      y: innerHeight / 2 - (at.y + Math.min(at.height, 120) / 2) * scale,
    };
    look();
  }

  // ---- the panel

  function make(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") made.addEventListener(name, value); else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  function choose(id) {
    chosen = id;
    mark();
    $("panel").hidden = id === null;
    if (id !== null) describe(items.get(id));
  }

  function describe(item) {
    const info = item.info, panel = $("panel");
    const parts = [
      make("button", { class: "leave", "aria-label": "Close panel", click: () => choose(null) }, "×"),
      make("h2", {}, item.title),
      make("code", {}, item.name),
    ];
    if (item.level) parts.push(" ", make("button", { click: () => toggle(item) }, item.open ? "Close group" : "Open group"));
    if (DATA.docs[info.op]) parts.push(make("p", {}, DATA.docs[info.op]));
    const facts = [];
    if (info.macs) facts.push(["multiply-adds", info.macs.toLocaleString("en")]);
    if (info.parameters) facts.push(["parameters", info.parameters.toLocaleString("en")]);
    if (info.at) facts.push(["from", info.at]);
    parts.push(...section("", table(facts)));
    parts.push(...section("Attributes", table(info.attributes || [])));
    parts.push(...section("Inputs", ports(info.in, (name) => sources(item, name))));
    parts.push(...section("Outputs", ports(info.out, () => readers(item))));
    parts.push(...section("Weights", (info.weights || []).map((entry) => weight(...entry))));
    panel.replaceChildren(...parts);
    panel.scrollTop = 0;
  }

  const section = (title, content) => content.length ? (title ? [make("h3", {}, title), ...content] : content) : [];

  function table(rows) {
    if (!rows.length) return [];
    return [make("table", {}, ...rows.map(([name, value, differs]) =>
      make("tr", { class: differs === false ? "default" : "" }, make("td", {}, name), make("td", {}, value))))];
  }

  function ports(list, others) {
    if (!list.length) return [];
    return [make("table", {}, ...list.map(([param, name, shape]) => {
      const links = others(name).slice(0, 8).flatMap((other) =>
        [" ", make("a", { click: () => reveal(other.id) }, other.title)]);
      return make("tr", {}, make("td", {}, param || name), make("td", {}, param ? `${name} ` : "", shape, ...links));
    }))];
  }

  const siblings = (item) => prepare(item.parent ? item.parent.level : DATA.root);

  function sources(item, name) {
    return siblings(item).items.filter((other) => other.info && other.info.out.some((out) => out[1] === name));
  }

  function readers(item) {
    const names = item.info.out.map((out) => out[1]);
    return siblings(item).items.filter((other) => other.info && other.info.in.some((into) => names.includes(into[1])));
  }

  const short = (value) => Number(value.toPrecision(4)).toString();

  function weight(param, label, shape) {
    const known = DATA.weights[label];
    const parts = [make("strong", {}, param), ` ${label} `, make("span", { class: "shape" }, shape)];
    if (!known) return make("div", { class: "weight" }, ...parts);
    if (known.fault) return make("div", { class: "weight" }, ...parts, make("p", {}, known.fault));
    parts.push(histogram(known), make("div", { class: "scale" },
      make("span", {}, short(known.least)), make("span", {}, short(known.most))));
    const rows = [["mean", short(known.mean)], ["deviation", short(known.deviation)], ["stored as", known.type]];
    if (known.zeros) rows.push(["zeros", `${known.zeros.toLocaleString("en")} (${short(100 * known.zeros / known.looked)} %)`]);
    if (known.odd) rows.push(["NaN, infinite", known.odd.toLocaleString("en")]);
    if (known.looked < known.count) {
      rows.push(["sample", `${known.looked.toLocaleString("en")} of ${known.count.toLocaleString("en")}`]);
    }
    return make("div", { class: "weight" }, ...parts, ...table(rows));
  }

  function histogram(known) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const bins = known.histogram, most = Math.max(...bins, 1);
    svg.setAttribute("viewBox", `0 0 ${Math.max(bins.length, 1) * 10} 64`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "histogram");
    svg.innerHTML = bins.map((count, i) => {
      const height = count ? Math.max(62 * count / most, 1) : 0;
      return `<rect x="${10 * i + 0.5}" y="${64 - height}" width="9" height="${height}"><title>${count}</title></rect>`;
    }).join("");
    return svg;
  }

  // ---- search

  let matches = [], cursor = -1;

  function search(text) {
    const wanted = text.trim().toLowerCase();
    const rank = (item) => {
      const words = [item.name, item.title, ...(item.info.weights || []).map((w) => w[1])].map((w) => w.toLowerCase());
      const best = words.findIndex((word) => word.includes(wanted));
      return best < 0 ? -1 : words[best] === wanted ? 0 : words[best].startsWith(wanted) ? 1 : 2;
    };
    matches = !wanted ? [] : [...items.values()].filter((item) => item.info)
      .map((item) => [rank(item), item]).filter(([score]) => score >= 0)
      .sort((a, b) => a[0] - b[0] || a[1].id - b[1].id).map(([, item]) => item);
    cursor = -1;
    const rows = matches.slice(0, 60).map((item) => {
      const path = [];
      for (let p = item.parent; p; p = p.parent) path.unshift(p.name);
      return make("li", { mousedown: (event) => { event.preventDefault(); reveal(item.id); } },
        item.title, make("span", {}, [...path, item.name].join(" / ")));
    });
    if (matches.length > 60) rows.push(make("li", { class: "none" }, `and ${matches.length - 60} more`));
    $("found").replaceChildren(...(rows.length ? rows : [make("li", { class: "none" }, "nothing found")]));
    $("found").hidden = !wanted;
    canvas.classList.toggle("searching", Boolean(wanted));
    const ids = new Set(matches.map((item) => String(item.id)));
    for (const drawn of view.querySelectorAll(".item")) drawn.classList.toggle("match", ids.has(drawn.dataset.id));
  }

  function step(by) {
    const shown = Math.min(matches.length, 60);
    if (!shown) return;
    cursor = (cursor + by + shown) % shown;
    [...$("found").children].forEach((row, i) => row.classList.toggle("chosen", i === cursor));
    $("found").children[cursor].scrollIntoView({ block: "nearest" });
    reveal(matches[cursor].id);
  }

  function leaveSearch() {
    $("search").value = "";
    search("");
    $("search").blur();
  }

  // ---- events

  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = 0;
  });
  addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const dx = event.clientX - last[0], dy = event.clientY - last[1];
    moved += Math.abs(dx) + Math.abs(dy);
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const distance = (x, y) => Math.max(Math.hypot(x - other[0], y - other[1]), 1);
      zoom(distance(event.clientX, event.clientY) / distance(...last), other[0], other[1]);
    } else if (moved > 3) {
      camera.x += dx;
      camera.y += dy;
      canvas.classList.add("moving");
      look();
    }
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, (event) => { pointers.delete(event.pointerId); canvas.classList.remove("moving"); });
  }
  canvas.addEventListener("click", (event) => {
    if (moved > 3) return;
    const drawn = event.target.closest(".item");
    if (!drawn) { choose(null); return; }
    const item = items.get(Number(drawn.dataset.id));
    if (event.target.classList.contains("toggle") && item.level) toggle(item); else choose(item.id);
  });
  canvas.addEventListener("dblclick", (event) => {
    const drawn = event.target.closest(".item"), item = drawn && items.get(Number(drawn.dataset.id));
    if (item && item.level && !event.target.classList.contains("toggle")) toggle(item);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX, event.clientY);
  }, { passive: false });

  function theme() {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  const actions = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": () => fit(), e: () => all(true),
    c: () => all(false), d: theme, "/": () => $("search").focus(), Escape: () => choose(null),
  };
  addEventListener("keydown", (event) => {
    if (event.target === $("search")) {
      if (event.key === "Escape") leaveSearch();
      else if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
      else if (event.key === "ArrowDown") step(1);
      else if (event.key === "ArrowUp") step(-1);
      else return;
      event.preventDefault();
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  });
  $("search").addEventListener("input", () => search($("search").value));
  $("search").addEventListener("blur", () => { $("found").hidden = true; });
  $("search").addEventListener("focus", () => { $("found").hidden = !$("search").value.trim(); });
  for (const [id, action] of [["open", () => all(true)], ["close", () => all(false)], ["theme", theme],
    ["nearer", () => zoom(1.25)], ["further", () => zoom(0.8)], ["fit", () => fit()]]) {
    $(id).addEventListener("click", action);
  }
  if (![...items.values()].some((item) => item.level)) { $("open").hidden = true; $("close").hidden = true; }
  $("facts").textContent = DATA.facts.join(" · ");
  draw();
  fit(0.8);
  window.nnefx = { items, origin, layout: () => layout, camera: () => camera };
})();
