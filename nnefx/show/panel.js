"use strict";
// The panel beside a picture: what a box is, where its inputs come from, how its weights are spread.
const panels = (DATA, prepare, { choose, toggle, reveal }) => {
  function make(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") made.addEventListener(name, value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  function describe(item) {
    const info = item.info,
      panel = document.getElementById("panel");
    const parts = [
      make(
        "button",
        { class: "leave", "aria-label": "Close panel", click: () => choose(null) },
        "×",
      ),
      make("h2", {}, item.title),
      make("code", {}, item.name),
    ];
    if (item.level)
      parts.push(
        " ",
        make("button", { click: () => toggle(item) }, item.open ? "Close group" : "Open group"),
      );
    if (DATA.docs[info.op]) parts.push(make("p", {}, DATA.docs[info.op]));
    const facts = [];
    if (info.macs) facts.push(["multiply-adds", info.macs.toLocaleString("en")]);
    if (info.parameters) facts.push(["parameters", info.parameters.toLocaleString("en")]);
    if (info.at) facts.push(["from", info.at]);
    parts.push(...section("", table(facts)));
    parts.push(...section("Attributes", table(info.attributes || [])));
    parts.push(
      ...section(
        "Inputs",
        ports(info.in, (name) => sources(item).filter((other) => makes(other, name))),
      ),
    );
    parts.push(
      ...section(
        "Outputs",
        ports(info.out, () => readers(item)),
      ),
    );
    const outside = !item.parent && info.out.map((out) => [out[1], DATA.quantized.values[out[1]]]);
    parts.push(
      ...section(
        "Quantization",
        (outside || []).filter(([, known]) => known).map((entry) => quantized(...entry)),
      ),
    );
    parts.push(
      ...section(
        "Weights",
        (info.weights || []).map((entry) => weight(...entry)),
      ),
    );
    panel.replaceChildren(...parts);
    panel.scrollTop = 0;
  }

  const section = (title, content) =>
    content.length ? (title ? [make("h3", {}, title), ...content] : content) : [];

  function table(rows) {
    if (!rows.length) return [];
    return [
      make(
        "table",
        {},
        ...rows.map(([name, value, differs]) =>
          make(
            "tr",
            { class: differs === false ? "default" : "" },
            make("td", {}, name),
            make("td", {}, value),
          ),
        ),
      ),
    ];
  }

  function ports(list, others) {
    if (!list.length) return [];
    return [
      make(
        "table",
        {},
        ...list.map(([param, name, shape]) => {
          const links = others(name)
            .slice(0, 8)
            .flatMap((other) => [" ", link(other)]);
          return make(
            "tr",
            {},
            make("td", {}, param || name),
            make("td", {}, param ? `${name} ` : "", shape, ...links),
          );
        }),
      ),
    ];
  }

  const link = (item) =>
    make("button", { class: "go", click: () => reveal(item.id) }, item.title);

  const siblings = (item) => prepare(item.parent ? item.parent.level : DATA.root);

  const makes = (item, name) => item.info && item.info.out.some((out) => out[1] === name);

  function sources(item) {
    return siblings(item).items.filter((other) =>
      item.info.in.some((into) => makes(other, into[1])),
    );
  }

  function readers(item) {
    const names = item.info.out.map((out) => out[1]);
    return siblings(item).items.filter(
      (other) => other.info && other.info.in.some((into) => names.includes(into[1])),
    );
  }

  const short = (value) => Number(value.toPrecision(4)).toString();

  function weight(param, label, shape) {
    const known = DATA.weights[label];
    const parts = [
      make("strong", {}, param),
      ` ${label} `,
      make("span", { class: "shape" }, shape),
    ];
    if (!known) return make("div", { class: "weight" }, ...parts);
    if (known.fault) return make("div", { class: "weight" }, ...parts, make("p", {}, known.fault));
    parts.push(histogram(known.histogram), ends(known.least, known.most));
    const rows = [
      ["mean", short(known.mean)],
      ["deviation", short(known.deviation)],
      ["stored as", known.type],
    ];
    if (known.zeros)
      rows.push([
        "zeros",
        `${known.zeros.toLocaleString("en")} (${short((100 * known.zeros) / known.looked)} %)`,
      ]);
    if (known.odd) rows.push(["NaN, infinite", known.odd.toLocaleString("en")]);
    if (known.looked < known.count) {
      rows.push([
        "sample",
        `${known.looked.toLocaleString("en")} of ${known.count.toLocaleString("en")}`,
      ]);
    }
    const entry = DATA.quantized.weights[label];
    if (entry) rows.push(...entry.rows);
    return make("div", { class: "weight" }, ...parts, ...table(rows));
  }

  // What a value is on calibration data, and which part of that its integers keep.
  function quantized(name, known) {
    const parts = [make("strong", {}, name)];
    if (known.histogram) {
      const { low, high, counts } = known.histogram;
      parts.push(histogram(counts, low, high, known.range), ends(low, high));
    }
    return make("div", { class: "weight" }, ...parts, ...table(known.rows));
  }

  const ends = (least, most) =>
    make(
      "div",
      { class: "scale" },
      make("span", {}, short(least)),
      make("span", {}, short(most)),
    );

  // Bars from `low` to `high`; those outside of what is kept are pale.
  function histogram(bins, low, high, kept) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const most = Math.max(...bins, 1),
      step = (high - low) / bins.length;
    const cut = (i) =>
      kept && (low + (i + 1) * step < kept[0] || low + i * step > kept[1]) ? ' class="cut"' : "";
    svg.setAttribute("viewBox", `0 0 ${Math.max(bins.length, 1) * 10} 64`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "histogram");
    svg.innerHTML = bins
      .map((count, i) => {
        const height = count ? Math.max((62 * count) / most, 1) : 0;
        return `<rect${cut(i)} x="${10 * i + 0.5}" y="${64 - height}" width="9" height="${height}"><title>${count}</title></rect>`;
      })
      .join("");
    return svg;
  }

  const KEYS = [
    ["arrows", "from box to box, along the links and within a row"],
    ["Enter", "open or close the group"],
    ["e, c", "open, close all groups"],
    ["/", "search; Enter and arrows go through what is found"],
    ["+, −, 0", "nearer, further, everything"],
    ["d", "light or dark"],
    ["Esc", "close this panel"],
  ];

  function explain() {
    document
      .getElementById("panel")
      .replaceChildren(
        make("button", { class: "leave", "aria-label": "Close panel", click: () => choose(null) }, "×"),
        make("h2", {}, "Keys"),
        ...table(KEYS),
        make("p", {}, "Drag to move, turn the wheel or pinch to zoom, click a box to read about it."),
      );
  }

  return { make, describe, sources, readers, explain };
};
