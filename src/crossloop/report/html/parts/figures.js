"use strict";
// The data of the page, numbers as crossloop writes them, and the ratio of two rows.
// `crossloop.report.html.shapes` describes the data; `crossloop.markup.digits` and `crossloop.report.ratios` are the
// rules that this file repeats, and a test compares the two.

const MISSING = "–";

/** Rows of a packed table as objects; fields that hold indexes get their texts. */
function unpacked(table, texts) {
  const shared = new Set(table.shared);
  return table.rows.map((row) => {
    const item = Object.create(null);
    table.fields.forEach((field, place) => {
      const value = row[place];
      if (!shared.has(field)) item[field] = value;
      else item[field] = Array.isArray(value) ? value.map((index) => texts[index]) : texts[value];
    });
    return item;
  });
}

/** The whole document, its packed tables unpacked. */
function readDocument(element) {
  const data = JSON.parse(element.textContent);
  for (const name of ["adapters", "cell_words", "missing", "broken", "behaviours", "answers"]) {
    data[name] = unpacked(data[name], data.texts);
  }
  for (const scenario of data.scenarios) {
    for (const set of scenario.sets) {
      for (const name of ["rows", "references", "unmeasured"]) set[name] = unpacked(set[name], data.texts);
    }
  }
  return data;
}

// Ratios ----------------------------------------------------------------------------------------

/** An interval as an object: value, low, high, rounds, generations. */
function interval(parts) {
  const [value, low, high, slices, generations] = parts;
  return { value, low, high, slices, generations };
}

function paired(parts) {
  return { ...interval(parts), paired: true };
}

/**
 * `row` ÷ `base`, two rows of one parameter set; null where an interval holds zero.
 * Paired where the journal has the paired ratio, else the quotient of two, whose interval is never narrower.
 */
function ratioOf(row, base, pairedWith) {
  const toBase = (of, style) => of.to_baseline.find((entry) => entry[0] === style)?.[1];
  if (row.adapter === base.adapter && row.style === base.style) {
    return paired([1, 1, 1, row.ratio[3], row.ratio[4]]);
  }
  if (base.base) return paired(row.ratio);
  if (base.adapter === pairedWith && toBase(row, base.style)) return paired(toBase(row, base.style));
  const reciprocal = row.adapter === pairedWith ? toBase(base, row.style) : undefined;
  if (reciprocal && reciprocal[1] > 0) {
    const { value, low, high, slices, generations } = interval(reciprocal);
    return paired([1 / value, 1 / high, 1 / low, slices, generations]);
  }
  const [ratio, other] = [interval(row.ratio), interval(base.ratio)];
  if (Math.min(ratio.low, ratio.value, other.low, other.value) <= 0) return null;
  return {
    value: ratio.value / other.value,
    low: ratio.low / other.high,
    high: ratio.high / other.low,
    slices: Math.min(ratio.slices, other.slices),
    generations: Math.min(ratio.generations, other.generations),
    paired: false,
  };
}

/** The leanest of `rows`, the first among equals; undefined without one. */
function leanest(rows) {
  return rows.reduce((best, row) => (best === undefined || row.ratio[0] < best.ratio[0] ? row : best), undefined);
}

/** Whether a ratio is no different from 1: its interval holds 1, or it lies within the noise floor. */
function isTie(ratio, floor) {
  const within = floor ?? 0;
  return (ratio.low <= 1 && ratio.high >= 1) || (ratio.value < 1 + within && ratio.value > 1 / (1 + within));
}

// Numbers ---------------------------------------------------------------------------------------

function decimals(value, significant) {
  return significant - 1 - Number(value.toExponential(significant - 1).split("e")[1]);
}

function fixed(value, places) {
  if (value === 0) return "0";
  let rounded = value;
  if (places < 0) {
    const step = 10 ** -places;
    rounded = Math.round(value / step) * step;
  }
  const text = rounded.toFixed(Math.max(places, 0)).replace(/^-(0(?:\.0*)?)$/, "$1");
  return text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
}

/** A number with so many significant digits; powers of ten for what no measurement can be. */
function number(value, significant = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  if (value === 0) return "0";
  if (Math.abs(value) < 1e-5 || Math.abs(value) >= 1e13) {
    const [mantissa, exponent] = value.toExponential(significant - 1).split("e");
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  return fixed(value, decimals(value, significant));
}

/** `5.91 (5.80–6.02)`: value and interval × `scale`. */
function estimate(parts, scale = 1) {
  const { value, low, high } = interval(parts.slice(0, 3).map((part) => part * scale));
  if (![value, low, high].every(Number.isFinite) || Math.abs(value) < 1e-5 || Math.abs(value) >= 1e13) {
    return number(value);
  }
  let places = decimals(value, 3);
  if (high > low) places = Math.min(Math.max(places, decimals(high - low, 1)), decimals(value, 4));
  if (low === high && low === value) return fixed(value, places);
  const bound = (end) => (Math.abs(end) < 1e13 ? fixed(end, places) : number(end));
  return `${fixed(value, places)} (${bound(low)}–${bound(high)})`;
}

/** A ratio alone, as short as a cell of the headline needs it. */
function shortRatio(value) {
  if (!Number.isFinite(value)) return MISSING;
  if (value >= 100) return number(value);
  return fixed(value, value < 10 ? 2 : 1);
}

/** A ratio with its interval, two decimals below ten. */
function ratioText(ratio) {
  const { value, low, high } = ratio;
  if (![value, low, high].every((part) => Number.isFinite(part) && Math.abs(part) < 100)) {
    return estimate([value, low, high]);
  }
  if (low === high && low === value) return value.toFixed(2);
  const places = Math.abs(value) < 10 ? 2 : 1;
  return `${fixed(value, places)} (${fixed(low, places)}–${fixed(high, places)})`;
}

function percent(value) {
  return `${number(100 * value, 2)} %`;
}

function share(value) {
  return value === null || !Number.isFinite(value) ? MISSING : fixed(value, 2);
}

function integer(value) {
  return fixed(value, 0);
}

/** `1 round`, `12 rounds`. */
function counted(count, noun) {
  return `${integer(count)} ${noun}${count === 1 ? "" : "s"}`;
}
