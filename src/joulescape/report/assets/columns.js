// The page's data: columns that are read where they lie, value by value. The same coding as report/blob.py.
// A column, packed or not, has `length` and `at(row)`, as every array has; an absent value is null.
const POWERS = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

const ALPHABET = [...'!#%()*+,-.0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~'];

// Five figures to the base of 85 are four bytes.
function bytesOf(text) {
  const places = new Uint8Array(128), spare = (5 - (text.length % 5)) % 5, whole = text + "~".repeat(spare);
  ALPHABET.forEach((character, place) => { places[character.charCodeAt(0)] = place; });
  const bytes = new Uint8Array((whole.length / 5) * 4);
  for (let from = 0, to = 0; from < whole.length; from += 5, to += 4) {
    let word = 0;
    for (let next = from; next < from + 5; next += 1) word = word * 85 + places[whole.charCodeAt(next)];
    bytes[to] = word / 16777216;
    bytes[to + 1] = word >>> 16;
    bytes[to + 2] = word >>> 8;
    bytes[to + 3] = word;
  }
  return bytes.subarray(0, bytes.length - spare);
}

async function inflated(text) {
  return new Response(new Blob([bytesOf(text.trim())]).stream().pipeThrough(new DecompressionStream("gzip")));
}

async function inflate(id) {
  return (await inflated(document.getElementById(id).textContent)).text();
}

function onesIn(word) {
  const pairs = word - ((word >>> 1) & 0x55555555), fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

// Place of each row among those of a mask, counted up to and with the row; `known` tells whether the row is one of them.
// What stands before each 32 rows is counted once, and those of the 32 when they are asked for: a number a row is much.
function makeMask(body, at, count) {
  const words = new Int32Array((count >> 5) + 1), before = new Uint32Array(words.length);
  new Uint8Array(words.buffer).set(body.subarray(at, at + ((count + 7) >> 3)));
  for (let next = 1; next < words.length; next += 1) before[next] = before[next - 1] + onesIn(words[next - 1]);
  return {
    known: (row) => (words[row >> 5] >>> (row & 31)) & 1,
    place: (row) => before[row >> 5] + onesIn(words[row >> 5] & ~(-2 << (row & 31))),
  };
}

function hexOf(bytes) {
  const digits = "0123456789abcdef", codes = new Uint8Array(2 * bytes.length);
  bytes.forEach((byte, place) => { codes[2 * place] = digits.charCodeAt(byte >> 4); codes[2 * place + 1] = digits.charCodeAt(byte & 15); });
  return new TextDecoder().decode(codes);
}

function makeColumn(coded, body, mask) {
  if (coded.v) return coded.v;
  const { c: count, at, w: width, d: listed } = coded;
  let digits = null;
  const two = (place) => body[at + place] | (body[at + count + place] << 8);
  const readers = {
    listed: listed && (listed.length > 256 ? (place) => listed[two(place)] : (place) => listed[body[at + place]]),
    decimal(place) {
      const mantissa = (two(place) << 16) >> 16, power = (body[at + 2 * count + place] << 24) >> 24;
      return power < 0 ? mantissa / POWERS[-power] : mantissa * POWERS[power];
    },
    hex: (place) => (digits = digits || hexOf(body.subarray(at, at + width * count))).slice(2 * width * place, 2 * width * (place + 1)),
  };
  const read = readers[coded.k];
  const rows = "m" in coded ? mask(coded.m, coded.n) : null, starts = "r" in coded ? mask(coded.r, coded.p) : null;
  return {
    length: coded.n,
    at(row) {
      if (rows && !rows.known(row)) return null;
      const present = rows ? rows.place(row) - 1 : row;
      return read(starts ? starts.place(present) - 1 : present);
    },
  };
}

// The datasets of one group; the first group holds what the first screen needs.
async function unpack(id, group = 0) {
  const text = document.getElementById(id).textContent.trim().split("\n")[group];
  const content = new Uint8Array(await (await inflated(text)).arrayBuffer());
  const start = 4 + new DataView(content.buffer).getUint32(0, true), body = content.subarray(start), masks = new Map();
  const mask = (at, count) => {
    if (!masks.has(at)) masks.set(at, makeMask(body, at, count));
    return masks.get(at);
  };
  const datasets = JSON.parse(new TextDecoder().decode(content.subarray(4, start)));
  for (const columns of Object.values(datasets)) {
    for (const [key, coded] of Object.entries(columns)) columns[key] = makeColumn(coded, body, mask);
  }
  return datasets;
}

function listOf(column) {
  return Array.isArray(column) ? column : Array.from({ length: column.length }, (_, row) => column.at(row));
}

function rowsOf(columns) {
  const names = Object.keys(columns);
  const length = names.length ? columns[names[0]].length : 0;
  return Array.from({ length }, (_, row) => Object.fromEntries(names.map((name) => [name, columns[name].at(row)])));
}

// The same columns read as arrays are, `columns[name][row]`: for who reads a row now and then.
function indexed(columns) {
  const get = (column, key) => (typeof key === "string" && /^\d+$/.test(key) ? column.at(Number(key)) : column[key]);
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, Array.isArray(column) ? column : new Proxy(column, { get })]));
}

// Columns that follow from others by the definition of their metric: factor x above / below.
function withFollowing(more, judged, follows) {
  const of = (name) => more[name] || judged[name];
  const made = Object.entries(follows).map(([name, [factor, above, below]]) => {
    const at = (row) => {
      const parts = [above, ...below].map((part) => of(part).at(row));
      return parts.includes(null) ? null : Number(parts.slice(1).reduce((found, part) => found / part, factor * parts[0]).toPrecision(3));
    };
    return [name, { length: of(above).length, at }];
  });
  return { ...more, ...Object.fromEntries(made) };
}
