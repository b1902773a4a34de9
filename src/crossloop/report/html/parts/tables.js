"use strict";
// Tables that are sorted by a click, or a key, on the head of a column.

/** Rows in the order that was chosen. What has no value stays last, whichever way the rest goes. */
function sorted(rows, valueOf, descending) {
  const sign = descending ? -1 : 1;
  return rows
    .map((row, place) => [valueOf(row), place, row])
    .sort(([first, place], [second, other]) => {
      const missing = Number(first === null || first === undefined) - Number(second === null || second === undefined);
      if (missing || first === null || first === undefined) return missing || place - other;
      const order = typeof first === "string" ? first.localeCompare(second, "en") : first - second;
      return sign * order || place - other;
    })
    .map(([, , row]) => row);
}

/** The sort that the address names, if the table has it: {key, descending}. */
function sortOf(chosen, keys, otherwise) {
  const key = chosen.get("sort");
  if (!keys.includes(key)) return { key: otherwise, descending: false };
  return { key, descending: chosen.get("order") === "down" };
}

/** Attributes of a head that sorts, and its button. */
function sortHead(key, sort, properties, ...children) {
  const active = sort.key === key;
  const direction = sort.descending ? "descending" : "ascending";
  const press = () => choose({ sort: key, order: active && !sort.descending ? "down" : "" });
  return h(
    "th",
    { scope: "col", "aria-sort": active ? direction : undefined, ...properties },
    h(
      "button",
      { type: "button", class: "sort", "data-focus": `sort:${key}`, onclick: press },
      ...children,
      h("span", { class: "arrow", "aria-hidden": "true" }, active ? (sort.descending ? "▾" : "▴") : ""),
    ),
  );
}

/**
 * A table with a head for each of `columns`: {key, title, value, cell, side, optional}.
 * `value` is what it is sorted by; without it the column does not sort. Optional columns without a value go.
 */
function sortableTable(caption, columns, rows, chosen, { rowClass = () => undefined, otherwise = "" } = {}) {
  const shown = columns.filter((column) => !column.optional || rows.some((row) => column.value(row) !== null));
  const keys = shown.filter((column) => column.value).map((column) => column.key);
  const sort = sortOf(chosen, keys, otherwise);
  const by = shown.find((column) => column.key === sort.key);
  const ordered = by?.value ? sorted(rows, by.value, sort.descending) : rows;
  const heads = shown.map((column) =>
    column.value
      ? sortHead(column.key, sort, { class: column.side }, column.title)
      : h("th", { scope: "col", class: column.side }, column.title),
  );
  const lines = ordered.map((row) =>
    h(
      "tr",
      { class: rowClass(row) },
      shown.map((column, place) =>
        h(
          place === 0 ? "th" : "td",
          { class: column.side, scope: place === 0 ? "row" : undefined },
          column.cell(row),
        ),
      ),
    ),
  );
  return h(
    "table",
    { class: "listing" },
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, heads)),
    h("tbody", {}, lines),
  );
}

/** Key → items, in the order in which the keys come. */
function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (groups.has(key)) groups.get(key).push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
