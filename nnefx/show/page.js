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
  let matches = [], // of the search
    cursor = -1;
  let drawn = null; // which part of the picture is drawn; null is all of it
  const LEAST = 0.03; // how far away one can be: boxes are still dots
  const MANY = 600; // boxes beyond which only what is near the window is drawn

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

  function drawLevel(level, placed, part = null) {
    const parts = [];
    const apart = (left, top, right, bottom) =>
      part && (right < part[0] || bottom < part[1] || left > part[2] || top > part[3]);
    const near = new Map();
    level.links.forEach((s) => {
      if (!near.has(s.value)) near.set(s.value, []);
      for (const slot of [s.a, s.b]) {
        if (slot < level.items.length) near.get(s.value).push(level.items[slot].id);
      }
    });
    placed.paths.forEach((lines, value) => {
      const seen = lines.filter(
        ([x1, y0, , x2, , y3]) => !apart(Math.min(x1, x2), y0, Math.max(x1, x2), y3),
      );
      if (!seen.length) return;
      parts.push(
        `<path class="link" data-near=" ${near.get(value).join(" ")} " d="${seen.map(curve).join("")}"/>`,
      );
    });
    const heads = placed.heads.filter(([x, y]) => !apart(x, y, x, y));
    parts.push(
      `<path class="tip" d="${heads.map(([x, y]) => `M${n(x)} ${n(y)}l-3.5-6.5h7z`).join("")}"/>`,
    );
    for (const p of placed.placed)
      if (!apart(p.x, p.y, p.x + p.width, p.y + p.height)) parts.push(drawItem(p));
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
    paint();
  }

  // The part of the picture in the window, and `beyond` windows on every side of it.
  function seen(beyond) {
    const { x, y, scale } = camera;
    const wide = innerWidth * beyond,
      high = innerHeight * beyond;
    const edges = [-x - wide, -y - high, innerWidth - x + wide, innerHeight - y + high];
    return edges.map((edge) => edge / scale);
  }

  function paint() {
    drawn = layout.placed.length > MANY ? seen(1) : null;
    view.innerHTML = drawLevel(DATA.root, layout, drawn);
    mark();
    markMatches();
  }

  // Large pictures are drawn anew where one leaves what is drawn, or sees little of it.
  function repaint() {
    const now = seen(0);
    const within = now[0] >= drawn[0] && now[1] >= drawn[1] && now[2] <= drawn[2] && now[3] <= drawn[3];
    if (!within || drawn[2] - drawn[0] > 8 * (now[2] - now[0])) paint();
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
    if (drawn) repaint();
  }

  function zoom(factor, x = innerWidth / 2, y = innerHeight / 2) {
    const scale = Math.min(Math.max(camera.scale * factor, LEAST), 6),
      by = scale / camera.scale;
    camera = { x: x - (x - camera.x) * by, y: y - (y - camera.y) * by, scale };
    look();
  }

  function fit(least = LEAST) {
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
    fit(0.6);
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

  const { make, describe, sources, readers, explain } = panels(DATA, prepare, { choose, toggle, reveal });

  // ---- search

  function search(text) {
    const wanted = text.trim().toLowerCase();
    matches = matching([...items.values()], wanted);
    cursor = -1;
    const rows = matches.slice(0, 60).map((item) => {
      const path = [];
      for (let p = item.parent; p; p = p.parent) path.unshift(p.name);
      return make(
        "li",
        {
          role: "option",
          id: `found${item.id}`,
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
    $("search").setAttribute("aria-expanded", Boolean(wanted));
    $("search").removeAttribute("aria-activedescendant");
    canvas.classList.toggle("searching", Boolean(wanted));
    markMatches();
  }

  function markMatches() {
    const ids = new Set(matches.map((item) => String(item.id)));
    for (const box of view.querySelectorAll(".item"))
      box.classList.toggle("match", ids.has(box.dataset.id));
  }

  function step(by) {
    const shown = Math.min(matches.length, 60);
    if (!shown) return;
    cursor = (cursor + by + shown) % shown;
    [...$("found").children].forEach((row, i) => {
      row.classList.toggle("chosen", i === cursor);
      row.setAttribute("aria-selected", i === cursor);
    });
    const row = $("found").children[cursor];
    row.scrollIntoView({ block: "nearest" });
    $("search").setAttribute("aria-activedescendant", row.id);
    reveal(matches[cursor].id);
  }

  function leaveSearch() {
    $("search").value = "";
    search("");
    $("search").blur();
  }

  // ---- from box to box with the arrow keys

  const neighbour = neighbours(DATA, prepare, sources, readers);

  function walk(key) {
    const next = neighbour(chosen === null ? null : items.get(chosen), key);
    if (next) reveal(next.id);
  }

  function enter() {
    if (chosen !== null && items.get(chosen).level) toggle(items.get(chosen));
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
    "?": keys,
    ArrowUp: walk,
    ArrowDown: walk,
    ArrowLeft: walk,
    ArrowRight: walk,
    Enter: enter,
    Escape: () => choose(null),
  };

  function keys() {
    choose(null);
    $("panel").hidden = false;
    explain();
  }

  addEventListener("keydown", (event) => {
    if (event.target === $("search")) {
      if (event.key === "Escape") leaveSearch();
      else if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
      else if (event.key === "ArrowDown") step(1);
      else if (event.key === "ArrowUp") step(-1);
      else return;
      event.preventDefault();
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && actions[event.key]) {
      if (event.key === "Enter" && event.target.closest("button")) return; // presses the button
      event.preventDefault();
      actions[event.key](event.key);
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
    ["help", keys],
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
  fit(1);
  window.nnefx = { items, origin, layout: () => layout, camera: () => camera };
})();
