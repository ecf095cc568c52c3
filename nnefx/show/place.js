"use strict";
// Coordinates of a picture, as place.py computes them and explains; here for groups that open.
const placing = (G) => {
  function prepare(level) {
    if (level.links) return level;
    const flat = level.segments;
    level.links = [];
    for (let i = 0; i < flat.length; i += 5) {
      level.links.push({
        a: flat[i],
        out: flat[i + 1],
        b: flat[i + 2],
        into: flat[i + 3],
        value: flat[i + 4],
      });
    }
    level.rowOf = new Array(level.count);
    level.rows.forEach((row, number) =>
      row.forEach((slot) => {
        level.rowOf[slot] = number;
      }),
    );
    level.leaving = new Array(level.count).fill(0);
    level.entering = new Array(level.count).fill(0);
    for (const link of level.links) {
      level.leaving[link.a]++;
      level.entering[link.b]++;
    }
    return level;
  }

  function place(level) {
    const { rows, links, rowOf } = prepare(level),
      count = level.items.length;
    const sized = level.items.map(size);
    const widths = new Array(level.count).fill(G.chain);
    sized.forEach((item, slot) => {
      widths[slot] = item.width;
    });
    const ends = links.map((s) => [
      s.a < count ? sized[s.a].outs[s.out] : G.chain / 2,
      s.b < count ? sized[s.b].ins[s.into] : G.chain / 2,
    ]);
    const xs = columns(level, widths, ends, count);
    untangle(links, sized, ends, xs);
    const heights = rows.map((row) =>
      row.reduce((most, slot) => (slot < count ? Math.max(most, sized[slot].height) : most), 0),
    );
    const slants = rows.map(() => 0);
    links.forEach((s, i) => {
      const slant = Math.abs(xs[s.a] + ends[i][0] - xs[s.b] - ends[i][1]);
      slants[rowOf[s.a]] = Math.max(slants[rowOf[s.a]], slant);
    });
    const tops = [];
    let y = 0;
    rows.forEach((_, row) => {
      const last = (rows[row + 1] || []).some(
        (slot) => slot < count && level.items[slot].kind === "out",
      );
      tops.push(y);
      y += heights[row] + Math.min((last ? G.last : G.gap) + G.slant * slants[row], G.gapMost);
    });
    sized.forEach((item, slot) => {
      const row = rowOf[slot];
      item.x = xs[slot];
      item.y =
        item.item.kind === "out"
          ? tops[row] + heights[row]
          : tops[row] + (heights[row] - item.height) / 2;
    });
    const paths = new Map(),
      heads = [];
    links.forEach((s, i) => {
      const upper = rowOf[s.a],
        lower = rowOf[s.b];
      const x1 = xs[s.a] + ends[i][0],
        x2 = xs[s.b] + ends[i][1];
      const y0 = s.a < count ? sized[s.a].y + sized[s.a].height : tops[upper];
      const y3 = s.b < count ? sized[s.b].y : tops[lower];
      if (!paths.has(s.value)) paths.set(s.value, []);
      paths.get(s.value).push([x1, y0, tops[upper] + heights[upper], x2, tops[lower], y3]);
      if (s.b < count && level.items[s.b].kind !== "out") heads.push([x2, y3]);
    });
    const width = xs.reduce((most, x, slot) => Math.max(most, x + widths[slot]), 0);
    const last = rows.length - 1;
    return {
      width,
      height: rows.length ? tops[last] + heights[last] : 0,
      placed: sized,
      paths,
      heads,
    };
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
      numbers.forEach((i, port) => {
        ends[i] = [ends[i][0], ports[port]];
      });
    }
  }

  function size(item) {
    if (!item.open) {
      const ins = Array.from(
        { length: item.ins },
        (_, port) => (item.width * (port + 1)) / (item.ins + 1),
      );
      return {
        item,
        width: item.width,
        height: item.height + (item.pills.length ? G.pill : 0),
        ins,
        outs: item.outs,
      };
    }
    const inside = place(item.level);
    const width = Math.max(inside.width + 2 * G.pad, item.head),
      left = (width - inside.width) / 2;
    const ins = inside.placed
      .filter((p) => p.item.kind === "in")
      .map((p) => left + p.x + p.outs[0]);
    const outs = inside.placed
      .filter((p) => p.item.kind === "out")
      .map((p) => left + p.x + p.ins[0]);
    return { item, width, height: G.head + inside.height + G.pill, ins, outs, inside, left };
  }

  function columns(level, widths, ends, count) {
    const { rows, links, leaving, entering } = level;
    const xs = new Array(level.count).fill(0);
    const up = xs.map(() => []),
      down = xs.map(() => []);
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
      row.forEach((slot, i) => {
        xs[slot] = spaces[r][i] - all / 2;
      });
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
      let total = 0,
        weight = 0;
      for (const side of sides) {
        for (const [other, shift, strength] of side[slot]) {
          total += (xs[other] + shift) * strength;
          weight += strength;
        }
      }
      let wanted = weight ? total / weight - offsets[i] : xs[slot] - offsets[i],
        size = 1;
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
      if (i + 1 < row.length)
        wanted = Math.min(wanted, xs[row[i + 1]] - offsets[i + 1] + offsets[i]);
      xs[slot] = wanted;
    });
  }

  return { prepare, place };
};
