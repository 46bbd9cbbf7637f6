"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

// ---- curves: exact steps -------------------------------------------------

/** Certified accuracy at a radius: the first step that reaches it. A step without a radius reaches all. */
function accuracy(steps, radius) {
  let low = 0, high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle][0] !== null && steps[middle][0] < radius) low = middle + 1; else high = middle;
  }
  return low < steps.length ? steps[low][1] : 0;
}

function curves() {
  const corners = new Set([0]);
  for (const line of data.lines) {
    for (const [radius] of line.steps.concat(line.most ?? [])) if (radius !== null) corners.add(radius);
  }
  const end = Math.max(...corners);
  for (const line of data.lines) for (const radius of line.decided) if (radius <= end) corners.add(radius);
  const radii = Float64Array.from(corners).sort();
  const percent = (value) => (value == null ? "–" : (100 * value).toFixed(2) + " %");
  // A curve that draws did not decide everywhere is two: what is certified, and what may be.
  const series = [], bands = [], values = [];
  for (const line of data.lines) {
    const open = line.most !== undefined;
    const at = (steps) => Array.from(radii, (radius) => accuracy(steps, radius));
    const style = {
      dash: line.dash[1] ? line.dash : undefined,
      paths: uPlot.paths.stepped({ align: -1 }),
      value: (_, value) => percent(value),
    };
    const dots = new Set(line.decided);
    const decided = radii.reduce((found, radius, index) => (dots.has(radius) ? [...found, index] : found), []);
    series.push({
      ...style,
      label: open ? line.name + ", at least" : line.name,
      stroke: line.colour,
      width: open ? 1 : 2,
      points: open ? { show: true, size: 7, fill: line.colour, filter: () => decided } : { show: false },
    });
    values.push(at(line.steps));
    if (open) {
      series.push({ ...style, label: line.name + ", at most", stroke: line.colour + "50", width: 1, points: { show: false } });
      values.push(at(line.most));
      bands.push({ series: [series.length, series.length - 1], fill: line.colour + "22" });
    }
  }
  const element = document.getElementById("curves");
  const size = () => ({ width: element.clientWidth, height: 420 });
  const chart = new uPlot({
    ...size(),
    scales: { x: { time: false }, y: { range: [0, 1] } },
    axes: [
      { label: "L2 radius" },
      { label: "certified accuracy", values: (_, ticks) => ticks.map((tick) => tick.toFixed(1)) },
    ],
    series: [
      { label: "radius", value: (_, radius) => (radius == null ? "–" : radius.toFixed(3)) },
      ...series,
    ],
    bands,
  }, [radii, ...values], element);
  window.addEventListener("resize", () => chart.setSize(size()));
}

// ---- gallery: only the cards in view exist --------------------------------

const CARD = { width: 208, height: 196 };
const outcome = (card) => (card.predict == null ? "abstained" : card.label == null ? "unlabelled" : card.predict === card.label ? "right" : "wrong");
const name = (index) => data.classes[index] ?? String(index);

const filters = {
  show: { label: "Show", options: ["all", ...(data.cards.some((card) => card.label != null) ? ["right", "wrong"] : []), "abstained", "the route binds", "the class binds"] },
  expert: { label: "Expert", options: ["any", ...new Set(data.cards.map((card) => card.expert ?? "none"))].sort((a, b) => (a === "any" ? -1 : b === "any" ? 1 : a < b ? -1 : 1)) },
  label: { label: "Class", options: ["any", ...new Set(data.cards.map((card) => card.label ?? card.predict).filter((label) => label != null))].sort((a, b) => (a === "any" ? -1 : b === "any" ? 1 : a - b)), text: (value) => (value === "any" ? value : name(value)) },
  order: { label: "Order", options: ["index", "smallest radius first", "largest radius first"] },
};

function controls() {
  const form = document.getElementById("filters");
  for (const [key, filter] of Object.entries(filters)) {
    if (filter.options.length < 2 || (key === "expert" && filter.options.length < 3)) continue;
    const select = document.createElement("select");
    select.name = key;
    for (const option of filter.options) select.add(new Option(filter.text ? filter.text(option) : option, option));
    const label = document.createElement("label");
    label.append(filter.label, select);
    form.append(label);
  }
  form.addEventListener("change", () => show(true));
  form.addEventListener("submit", (event) => event.preventDefault());
}

function chosen() {
  const form = new FormData(document.getElementById("filters"));
  const is = (key, any) => form.get(key) ?? any;
  const kept = data.cards.filter((card) => {
    const kind = is("show", "all");
    const shown = kind === "all" || kind === outcome(card)
      || (kind === "the route binds" && card.binds === "route" && card.predict != null)
      || (kind === "the class binds" && card.binds === "class" && card.predict != null);
    return shown
      && (is("expert", "any") === "any" || (card.expert ?? "none") === is("expert"))
      && (is("label", "any") === "any" || (card.label ?? card.predict) === Number(is("label")));
  });
  const order = is("order", "index");
  if (order !== "index") {
    const sign = order.startsWith("smallest") ? 1 : -1;
    kept.sort((a, b) => sign * (a.radius - b.radius) || a.index - b.index);
  }
  return kept;
}

let cards = [];
const drawn = new Map();

function show(again) {
  const frame = document.getElementById("window");
  const space = document.getElementById("cards");
  if (again) {
    cards = chosen();
    drawn.clear();
    space.replaceChildren();
    frame.scrollTop = 0;
    document.getElementById("found").textContent = `${cards.length} of ${data.cards.length} inputs`;
  }
  const columns = Math.max(1, Math.floor(frame.clientWidth / CARD.width));
  space.style.height = Math.ceil(cards.length / columns) * CARD.height + "px";
  const first = Math.max(0, Math.floor(frame.scrollTop / CARD.height) - 1) * columns;
  const last = Math.min(cards.length, (Math.ceil((frame.scrollTop + frame.clientHeight) / CARD.height) + 1) * columns);
  for (const [place, element] of drawn) {
    if (place < first || place >= last) { element.remove(); drawn.delete(place); }
  }
  for (let place = first; place < last; place++) {
    let element = drawn.get(place);
    if (!element) {
      element = cardElement(cards[place]);
      drawn.set(place, element);
      space.append(element);
    }
    element.style.left = (place % columns) * CARD.width + "px";
    element.style.top = Math.floor(place / columns) * CARD.height + "px";
  }
}

function cardElement(card) {
  const element = document.createElement("div");
  element.className = "card " + outcome(card);
  const box = document.createElement("div");
  if (card.image) {
    const pair = [document.createElement("canvas"), document.createElement("canvas")];
    pair[0].title = "the input";
    pair[1].title = card.sigma == null ? "" : `one noisy copy, σ = ${card.sigma}`;
    paint(card, ...pair);
    const pictures = document.createElement("div");
    pictures.className = "pictures";
    pictures.append(...pair);
    box.append(pictures);
  }
  const line = (text, strong) => {
    const row = document.createElement(strong ? "b" : "span");
    row.textContent = text;
    box.append(row, document.createElement("br"));
  };
  const answer = card.predict == null ? "abstains" : name(card.predict);
  line(card.label == null || card.predict === card.label ? answer : `${answer} (is ${name(card.label)})`, true);
  line(`#${card.index}` + (card.predict == null ? "" : `, radius ${radius(card.radius)}`));
  if (card.expert != null) line(`expert ${card.expert}` + (card.sigma == null ? "" : `, σ = ${card.sigma}`));
  if (card.binds && card.predict != null) line(`${card.binds} binds: route ${radius(card.route_radius)}, class ${radius(card.class_radius)}`);
  element.append(box);
  return element;
}

/** Truncated: a radius must not grow by being shown. */
const radius = (value) => (value == null ? "∞" : (Math.floor(value * 1000) / 1000).toFixed(3));

/** The input, and a copy with the noise that its expert sees, clipped to what a screen shows. */
function paint(card, clean, noisy) {
  const image = new Image();
  image.onload = () => {
    for (const canvas of [clean, noisy]) {
      canvas.width = image.width;
      canvas.height = image.height;
      canvas.getContext("2d").drawImage(image, 0, 0);
    }
    if (card.sigma == null) return noisy.remove();
    const context = noisy.getContext("2d");
    const pixels = context.getImageData(0, 0, image.width, image.height);
    const gaussian = generator(card.index);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const grey = data.channels === 1 ? gaussian() : null;
      for (let c = 0; c < 3; c++) pixels.data[i + c] += 255 * card.sigma * (grey ?? gaussian());
    }
    context.putImageData(pixels, 0, 0);
  };
  image.src = "data:image/png;base64," + card.image;
}

/** Gaussian values by Box and Muller from mulberry32: for looks only. */
function generator(seed) {
  let state = seed + 1;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

if (data.lines.length === 0) document.getElementById("accuracy").remove(); else curves();
if (document.querySelector("#tables > *:not(h2)") === null) document.getElementById("tables").remove();
if (data.cards.length === 0) {
  document.getElementById("gallery").remove();
} else {
  controls();
  show(true);
  document.getElementById("window").addEventListener("scroll", () => requestAnimationFrame(() => show(false)));
  window.addEventListener("resize", () => show(false));
}
