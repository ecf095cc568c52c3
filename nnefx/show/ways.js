"use strict";
// Ways to a box: from its neighbours with the arrow keys, and by words that it has.

// Down follows what is made to who reads it, and enters open groups; up goes back and leaves them.
const neighbours = (DATA, prepare, sources, readers) => {
  const first = (level) => level.items.find((item) => item.info);

  return (item, key) => {
    if (!item) return first(DATA.root);
    const level = prepare(item.parent ? item.parent.level : DATA.root);
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const row = level.rows[level.rowOf[level.items.indexOf(item)]]
        .filter((slot) => slot < level.items.length && level.items[slot].info)
        .map((slot) => level.items[slot]);
      return row[row.indexOf(item) + (key === "ArrowLeft" ? -1 : 1)];
    }
    if (key === "ArrowUp") return sources(item)[0] || item.parent;
    return (item.open && first(item.level)) || readers(item)[0] || item.parent;
  };
};

// The items whose name, operation or weights hold the words; those that are the words come first.
function matching(items, wanted) {
  if (!wanted) return [];
  const rank = (item) => {
    const weights = (item.info.weights || []).map((entry) => entry[1]);
    const words = [item.name, item.title, ...weights].map((word) => word.toLowerCase());
    const best = words.findIndex((word) => word.includes(wanted));
    return best < 0 ? -1 : words[best] === wanted ? 0 : words[best].startsWith(wanted) ? 1 : 2;
  };
  return items
    .filter((item) => item.info)
    .map((item) => [rank(item), item])
    .filter(([score]) => score >= 0)
    .sort((a, b) => a[0] - b[0] || a[1].id - b[1].id)
    .map(([, item]) => item);
}
