"use strict";
// What a picture does in a browser: drawing, looking around, telling, searching.
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const G = DATA.geometry;
  const { prepare, place } = placing(G);
  const $ = (id) => document.getElementById(id);
  const items = new Map(); // by id
  const canvas = $("canvas"),
    view = $("view"),
    root = document.documentElement;
  let layout = null,
    chosen = null;
  let camera = { x: 0, y: 0, scale: 1 };

  (function index(level, parent, depth) {
    for (const item of level.items) {
      item.parent = parent;
      item.open = Boolean(item.level) && depth <= DATA.depth;
      items.set(item.id, item);
      if (item.level) index(item.level, item, depth + 1);
    }
  })(DATA.root, null, 1);

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
      parts.push(
        `<path class="link" data-near=" ${near.get(value).join(" ")} " d="${lines.map(curve).join("")}"/>`,
      );
    });
    parts.push(
      `<path class="tip" d="${placed.heads.map(([x, y]) => `M${n(x)} ${n(y)}l-3.5-6.5h7z`).join("")}"/>`,
    );
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
      body =
        `<rect class="frame" ${width} height="${n(lower)}" rx="9"/><rect class="bar" ${width} height="${G.head - 2}" rx="9"/>` +
        `${item.bar}<g transform="translate(${n(p.left)} ${G.head - 2})">${drawLevel(item.level, p.inside)}</g>`;
    }
    const pills = item.pills.map(
      (pill, i) =>
        `<path class="link" d="M${n(p.outs[i])} ${n(lower)}v${G.pill}"/><g transform="translate(${n(p.outs[i])} ${n(lower + 4)})">${pill}</g>`,
    );
    return `<g class="item" data-id="${item.id}" transform="translate(${n(p.x)} ${n(p.y)})">${pills.join("")}${body}</g>`;
  }

  function draw() {
    layout = place(DATA.root);
    view.innerHTML = drawLevel(DATA.root, layout);
    mark();
  }

  function mark() {
    for (const old of view.querySelectorAll(".chosen, .near"))
      old.classList.remove("chosen", "near");
    if (chosen === null) return;
    const drawn = element(chosen);
    if (drawn) drawn.classList.add("chosen");
    for (const link of view.querySelectorAll(`[data-near*=" ${chosen} "]`))
      link.classList.add("near");
  }

  const element = (id) => view.querySelector(`[data-id="${id}"]`);

  // ---- where one looks

  function look() {
    view.setAttribute("transform", `translate(${camera.x} ${camera.y}) scale(${camera.scale})`);
    canvas.classList.toggle("far", camera.scale < 0.3);
  }

  function zoom(factor, x = innerWidth / 2, y = innerHeight / 2) {
    const scale = Math.min(Math.max(camera.scale * factor, 0.005), 6),
      by = scale / camera.scale;
    camera = { x: x - (x - camera.x) * by, y: y - (y - camera.y) * by, scale };
    look();
  }

  function fit(least = 0) {
    const wide = (innerWidth - 48) / layout.width,
      high = (innerHeight - 120) / layout.height;
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

  function origin(id) {
    // of a box, in pixels of the picture
    let x = 0,
      y = 0,
      placed = layout.placed;
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

  const hiddenBy = (item) => {
    for (let p = item.parent; p; p = p.parent) if (!p.open) return p;
    return null;
  };

  function reveal(id) {
    const item = items.get(id);
    let closed = false;
    for (let p = item.parent; p; p = p.parent) {
      closed = closed || !p.open;
      p.open = true;
    }
    if (closed) draw();
    choose(id);
    const at = origin(id),
      scale = Math.max(camera.scale, 0.8);
    const free = innerWidth - $("panel").getBoundingClientRect().width; // beside the panel
    camera = {
      scale,
      x: (free > 400 ? free : innerWidth) / 2 - (at.x + at.width / 2) * scale,
      y: innerHeight / 2 - (at.y + Math.min(at.height, 120) / 2) * scale,
    };
    look();
  }

  // ---- the panel: panel.js

  function choose(id) {
    chosen = id;
    mark();
    $("panel").hidden = id === null;
    if (id !== null) describe(items.get(id));
  }

  const { make, describe } = panels(DATA, prepare, { choose, toggle, reveal });

  // ---- search

  let matches = [],
    cursor = -1;

  function search(text) {
    const wanted = text.trim().toLowerCase();
    const rank = (item) => {
      const words = [item.name, item.title, ...(item.info.weights || []).map((w) => w[1])].map(
        (w) => w.toLowerCase(),
      );
      const best = words.findIndex((word) => word.includes(wanted));
      return best < 0 ? -1 : words[best] === wanted ? 0 : words[best].startsWith(wanted) ? 1 : 2;
    };
    matches = !wanted
      ? []
      : [...items.values()]
          .filter((item) => item.info)
          .map((item) => [rank(item), item])
          .filter(([score]) => score >= 0)
          .sort((a, b) => a[0] - b[0] || a[1].id - b[1].id)
          .map(([, item]) => item);
    cursor = -1;
    const rows = matches.slice(0, 60).map((item) => {
      const path = [];
      for (let p = item.parent; p; p = p.parent) path.unshift(p.name);
      return make(
        "li",
        {
          mousedown: (event) => {
            event.preventDefault();
            reveal(item.id);
          },
        },
        item.title,
        make("span", {}, [...path, item.name].join(" / ")),
      );
    });
    if (matches.length > 60)
      rows.push(make("li", { class: "none" }, `and ${matches.length - 60} more`));
    $("found").replaceChildren(
      ...(rows.length ? rows : [make("li", { class: "none" }, "nothing found")]),
    );
    $("found").hidden = !wanted;
    canvas.classList.toggle("searching", Boolean(wanted));
    const ids = new Set(matches.map((item) => String(item.id)));
    for (const drawn of view.querySelectorAll(".item"))
      drawn.classList.toggle("match", ids.has(drawn.dataset.id));
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
    const dx = event.clientX - last[0],
      dy = event.clientY - last[1];
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
    addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      canvas.classList.remove("moving");
    });
  }
  canvas.addEventListener("click", (event) => {
    if (moved > 3) return;
    const drawn = event.target.closest(".item");
    if (!drawn) {
      choose(null);
      return;
    }
    const item = items.get(Number(drawn.dataset.id));
    if (event.target.classList.contains("toggle") && item.level) toggle(item);
    else choose(item.id);
  });
  canvas.addEventListener("dblclick", (event) => {
    const drawn = event.target.closest(".item"),
      item = drawn && items.get(Number(drawn.dataset.id));
    if (item && item.level && !event.target.classList.contains("toggle")) toggle(item);
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
      zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX, event.clientY);
    },
    { passive: false },
  );

  function theme() {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  const actions = {
    "+": () => zoom(1.25),
    "=": () => zoom(1.25),
    "-": () => zoom(0.8),
    0: () => fit(),
    e: () => all(true),
    c: () => all(false),
    d: theme,
    "/": () => $("search").focus(),
    Escape: () => choose(null),
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
  $("search").addEventListener("blur", () => {
    $("found").hidden = true;
  });
  $("search").addEventListener("focus", () => {
    $("found").hidden = !$("search").value.trim();
  });
  for (const [id, action] of [
    ["open", () => all(true)],
    ["close", () => all(false)],
    ["theme", theme],
    ["nearer", () => zoom(1.25)],
    ["further", () => zoom(0.8)],
    ["fit", () => fit()],
  ]) {
    $(id).addEventListener("click", action);
  }
  if (![...items.values()].some((item) => item.level)) {
    $("open").hidden = true;
    $("close").hidden = true;
  }
  $("facts").textContent = DATA.facts.join(" · ");
  draw();
  fit(0.8);
  window.nnefx = { items, origin, layout: () => layout, camera: () => camera };
})();
