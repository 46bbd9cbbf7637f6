"use strict";
// Sends an image, shows how its radius grows while noisy copies are drawn, and what that radius looks like.
// What the server says is put in as text only.
// Long, since it is served as it is written: one script, without a build step.

const $ = (id) => document.getElementById(id);
const say = (id, words) => { $(id).textContent = words; };
const show = (id, visible) => { $(id).hidden = !visible; };
const count = (number) => number.toLocaleString("en");
const sigmaWords = (sigma) => `σ\u00a0=\u00a0${sigma}`;

/** Three decimals, cut off: what is shown is a radius that holds. */
function truncated(radius) {
  let thousandths = Math.floor(radius * 1000);
  // The product may have been rounded up across an integer.
  if (thousandths / 1000 > radius) thousandths -= 1;
  return (thousandths / 1000).toFixed(3);
}

const TOLERANCE = "0.05";
const METHODS = {
  maxmin: "the class, whatever the route",
  dual: "route and class must both hold",
  set: "the route stays within experts that agree",
  multiscale: "a cascade of the experts",
  blend: "this pool’s own rule",
};
const ROUTED = ["maxmin", "dual", "set"];
const BINDS = {
  route: "The route limits the radius: beyond it, the router might send the image to another expert.",
  class: "The class limits the radius: beyond it, the experts might see another class.",
};

let token = ""; // in memory only
let pool = null; // what /api/pool says
let file = null; // the image that was given last
let asking = null; // ends the request that is under way
let question = null; // what was asked: method, and a radius or null
let phase = "empty"; // or drawing, answered, stopped, failed
let picture = null; // what the model sees
let latest = null; // the last progress, then the answer
let points = []; // [draws, radius]
let example = 1; // seed of the noise that is shown

// ---- the server ------------------------------------------------------------

/** What is told to the user as it is. */
class Problem extends Error {}

async function request(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { ...options, headers, cache: "no-store" });
  show("token-form", response.status === 401);
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  const seconds = response.headers.get("Retry-After");
  const wait = /^\d+$/.test(seconds ?? "") ? `\nTry again in ${seconds} s.` : "";
  throw new Problem((said.error ?? `The server answered with status ${response.status}.`) + wait);
}

/** Server-sent events. EventSource cannot send an image, so the stream is read by hand. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split(/\r?\n/).filter((line) => line.startsWith(name + ":"))
        .map((line) => line.slice(name.length + 1).replace(/^ /, "")).join("\n");
      // Comments keep the connection open and say nothing.
      if (field("data")) yield { event: field("event"), data: JSON.parse(field("data")) };
    }
  }
}

/** The options as the server's parameters; empty ones are left to it. */
function parameters() {
  const form = new FormData($("options"));
  const found = new URLSearchParams();
  for (const name of ["method", "n", "alpha", "seed"]) {
    const value = form.get(name)?.trim();
    if (value) found.set(name, value);
  }
  if (form.get("question") === "radius") found.set("radius", form.get("radius"));
  else found.set("tol", TOLERANCE);
  if (form.get("deadline")) found.set("deadline_ms", Math.round(1000 * form.get("deadline")));
  return found;
}

async function load() {
  try {
    pool = await (await request("api/pool")).json();
  } catch (error) {
    return failed(error);
  }
  show("problem", false);
  about();
  if (file) ask();
}

async function ask() {
  if (!$("options").reportValidity()) return;
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  const asked = parameters();
  question = { method: asked.get("method"), radius: asked.get("radius"), alpha: asked.get("alpha") ?? pool.alpha };
  [phase, picture, latest, points] = ["drawing", null, null, []];
  show("problem", false);
  announce("Drawing noisy copies.");
  render();
  try {
    const options = { method: "POST", body: file, signal: mine.signal };
    const response = await request(`api/ask?${asked}`, options);
    for await (const { event, data } of events(response.body)) {
      if (asking !== mine) return;
      heard(event, data);
    }
    if (asking === mine && phase === "drawing") throw new Problem("The connection ended before the answer came.");
  } catch (error) {
    // A newer request, or the user, ended this one.
    if (asking === mine) failed(error);
  } finally {
    mine.abort(); // the server need not go on
  }
}

function heard(event, data) {
  if (event === "begun") picture = decoded(data);
  else if (event === "problem") throw new Problem(data.error);
  else if (event === "progress" || event === "answer") {
    latest = data;
    points.push([data.draws, data.radius]);
    if (event === "answer") phase = "answered";
    announce(spoken(), event === "answer");
  }
  soon();
}

function stop() {
  asking?.abort();
  asking = null;
  phase = "stopped";
  announce(`Stopped. ${spoken()}`);
  render();
}

function failed(error) {
  asking = null;
  phase = file ? "failed" : "empty";
  console.warn(error);
  complain(error instanceof Problem ? error.message : `The server cannot be reached, or its answer cannot be read: ${error.message}.`);
  render();
}

function complain(words, retry = $("token-form").hidden) {
  show("problem", true);
  show("retry", retry);
  say("problem-words", words);
}

// ---- words -----------------------------------------------------------------

const shapeWords = ([channels, height, width]) =>
  `${width}\u00a0×\u00a0${height} pixels, ${channels === 1 ? "gray" : channels === 3 ? "colour" : `${channels} channels, the first is shown`}`;

function about() {
  const { classes, experts, router_sigma: router, shape, methods, n, alpha, seeds, formats } = pool;
  const more = classes.length > 12 ? ` and ${count(classes.length - 12)} more` : "";
  const named = experts.map(({ name, sigma }) => `${name} (${sigmaWords(sigma)})`).join(", ");
  const picks = router === null ? "" : ` A router (${sigmaWords(router)}) picks one for each image.`;
  say("about-classes", `${count(classes.length)} classes: ${classes.slice(0, 12).join(", ")}${more}.`);
  say("about-experts", `Experts, each for noise of one strength σ: ${named}.${picks}`);
  say("about-files", `Files: ${formats}. The model sees ${shapeWords(shape)}.`);
  show("about", true);
  $("method").replaceChildren(...methods.map((method) => {
    const words = METHODS[method] ?? (method.startsWith("one:") ? "this expert alone" : "");
    return new Option(words ? `${method}: ${words}` : method, method);
  }));
  $("n").placeholder = n;
  $("alpha").placeholder = alpha;
  show("seed", seeds);
}

/** What screen readers are told: not every step. */
function announce(words, now = true) {
  if (!now && performance.now() - announce.last < 5000) return;
  announce.last = performance.now();
  say("spoken", words);
}

function spoken() {
  if (!latest) return "Nothing was certified.";
  const { class: name, radius, draws } = latest;
  if (phase === "drawing") return `${count(draws)} copies. ${name === null ? "No class yet" : `${name}, radius ${truncated(radius)} so far`}.`;
  if (name === null) return `No certificate. ${remark()}`;
  return `${name}. Certified radius ${truncated(radius)}. ${remark()}`;
}

function state() {
  if (phase === "stopped") return "Stopped by you";
  if (phase === "answered") return latest.class === null ? "The model abstains" : "Certified class";
  if (!latest) return picture ? "Drawing noisy copies…" : "Sending the image…";
  return `Drawing: ${count(latest.draws)} noisy copies`;
}

/** What there is to say about the answer, if anything. */
function remark() {
  const words = [];
  const none = !latest || latest.class === null;
  if (phase === "answered" && question.radius !== null) {
    const yes = !none && latest.radius >= Number(question.radius);
    words.push(`${yes ? "Yes, it is" : "No, it is not"} certified at radius ${question.radius}.`);
  }
  if (phase === "answered" && none) {
    words.push("The noisy copies did not agree clearly enough on one class. So there is no answer for this image, and no radius.");
  }
  if (phase === "stopped") {
    words.push(none ? "Nothing was certified up to then." : "What is shown holds all the same. There is no certificate to download.");
  }
  if (latest?.cut) {
    words.push(none ? "The deadline ended the draws: more might have given a certificate." : "The deadline ended the draws. The radius holds; more draws might have given a larger one.");
  }
  return words.join(" ");
}

function facts() {
  const { seconds, alpha, method, seed, draws, expert, sigma } = latest;
  const radius = (value) => (value == null ? null : truncated(value));
  const rows = {
    Method: METHODS[method] ? `${method}: ${METHODS[method]}` : method,
    "Noisy copies": count(draws),
    Time: `${seconds.toFixed(2)} s`,
    alpha,
    "Expert asked": expert && `${expert} (${sigmaWords(sigma)})`,
    "Route holds up to": radius(latest.route_radius),
    "Class holds up to": radius(latest.class_radius),
    "What was done to the file": picture?.note,
    Seed: seed,
  };
  const element = (name, words) => Object.assign(document.createElement(name), { textContent: words });
  const filled = Object.entries(rows).filter(([, value]) => value != null);
  $("facts-list").replaceChildren(...filled.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}

// ---- what is shown ---------------------------------------------------------

/** Renders with the next frame, however many events come before it. */
function soon() {
  if (soon.due) return;
  soon.due = true;
  requestAnimationFrame(() => { soon.due = false; render(); });
}

function render() {
  const drawing = phase === "drawing";
  const name = latest?.class ?? null;
  const held = document.activeElement;
  document.body.dataset.phase = phase;
  show("result", phase !== "empty" && phase !== "failed");
  $("result").classList.toggle("none", !drawing && name === null);
  $("result").classList.toggle("waiting", drawing && name === null);
  say("state", state());
  say("class", name ?? (drawing ? "No class yet" : "No certificate"));
  say("remark", remark());
  show("remark", remark() !== "");
  show("stop", drawing);
  show("again", !drawing);
  show("again-here", !drawing && file !== null);
  // A button that goes leaves the keyboard with the one that comes.
  if (held.closest("[hidden]")) [$("stop"), $("again"), $("retry")].find((button) => !button.closest("[hidden]"))?.focus();
  certificate();
  grown(name);
  pictures(name);
}

function certificate() {
  const there = phase === "answered";
  show("facts", there);
  show("file-out", there && latest.certificate != null);
  const link = $("download");
  if (link.href) URL.revokeObjectURL(link.href);
  link.removeAttribute("href");
  if (!there) return;
  facts();
  if (latest.certificate == null) return;
  // One line: the file is one of records, a line each.
  const lines = [JSON.stringify(latest.certificate) + "\n"];
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/json" }));
  link.textContent = latest.class === null ? "Download the record" : "Download the certificate";
}

function grown(name) {
  show("grown", name !== null);
  show("expert", name !== null && latest.expert !== null);
  if (name === null) return;
  const chosen = ROUTED.includes(question.method) ? ", chosen by the router" : "";
  say("expert", `Expert: ${latest.expert}${chosen}. It works under noise of strength ${sigmaWords(latest.sigma)}.`);
  say("radius-name", phase === "drawing" ? "Radius so far" : "Radius");
  say("radius-shown", truncated(latest.radius));
  say("alpha-shown", latest.alpha ?? question.alpha);
  show("binds", latest.binds !== null);
  say("binds", BINDS[latest.binds] ?? "");
  chart();
}

function svg(name, attributes, words = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = words;
  return element;
}

/** The next of 1, 2, 2.5, 5, 10, … so that axes end at plain numbers and do not creep. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 2.5, 5, 10].find((step) => step * unit >= value * (1 - 1e-9));
}

function chart() {
  const { clientWidth: width, clientHeight: height } = $("chart");
  const [left, right, top, bottom] = [46, width - 8, 8, height - 22];
  const asked = Number(question.radius ?? 0);
  const most = roundUp(Math.max(asked, latest.radius, 1e-3));
  const end = roundUp(Math.max(latest.draws, 1));
  const x = (draws) => left + (right - left) * (draws / end);
  const y = (radius) => bottom - (bottom - top) * (radius / most);
  const parts = [0, most / 2, most].flatMap((tick) => [
    svg("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
    svg("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(3)))),
  ]);
  for (const tick of [0, end / 2, end]) {
    const anchor = tick === 0 ? "start" : tick === end ? "end" : "middle";
    parts.push(svg("text", { x: x(tick), y: height - 4, "text-anchor": anchor }, count(tick)));
  }
  // Steps: a radius holds until the next look at the votes.
  const steps = points.map(([draws, radius]) => `H${x(draws)}V${y(radius)}`).join("");
  parts.push(svg("path", { class: "area", d: `M${x(0)} ${y(0)}${steps}V${y(0)}Z` }));
  parts.push(svg("path", { class: "curve", d: `M${x(0)} ${y(0)}${steps}` }));
  parts.push(svg("circle", { class: "end", cx: x(latest.draws), cy: y(latest.radius), r: 4.5 }));
  if (asked > 0) {
    parts.push(svg("line", { class: "asked", x1: left, x2: right, y1: y(asked), y2: y(asked) }));
    const above = y(asked) > top + 18;
    parts.push(svg("text", { class: "asked-name", x: left + 6, y: y(asked) + (above ? -5 : 15) }, `asked: ${question.radius}`));
  }
  $("chart").replaceChildren(...parts);
  $("chart").setAttribute("viewBox", `0 0 ${width} ${height}`);
  $("chart").setAttribute("aria-label", `Radius ${truncated(latest.radius)} after ${count(latest.draws)} noisy copies`);
}

// ---- the pictures ----------------------------------------------------------

function decoded({ shape, pixels, note }) {
  const values = Uint8Array.from(atob(pixels), (character) => character.charCodeAt(0));
  return { shape, note, values, noise: null, example: 0 };
}

function pictures(name) {
  const changes = picture !== null && name !== null && latest.radius > 0;
  for (const id of ["changed-figure", "size", "size-words"]) show(id, changes);
  // The last image must not be taken for the new one.
  $("original").parentElement.style.visibility = picture ? "visible" : "hidden";
  if (!picture) return;
  say("shape", shapeWords(picture.shape) + (picture.note ? `; ${picture.note}` : ""));
  paint($("original"), picture, 0);
  if (!changes) return;
  changed();
  amounts();
}

function changed() {
  const percent = Number($("scale").value);
  const norm = latest.radius * percent / 100;
  paint($("changed"), picture, norm);
  say("norm", truncated(norm));
  say("scale-shown", `${percent} % of the radius`);
  $("scale").setAttribute("aria-valuetext", `${percent} % of the radius, L2 norm ${truncated(norm)}`);
}

/** What the radius amounts to, in pixels. */
function amounts() {
  const [channels] = picture.shape;
  const levels = 255 * latest.radius / Math.sqrt(picture.values.length);
  say("size-words", [
    `At 100 % the L2 norm of this noise is exactly the radius: a pixel changes by about ${levels.toFixed(1)} of 255 levels.`,
    `All of it in one place would be ${onePlace(latest.radius ** 2 / channels)}.`,
    "Noise is one example: the radius covers every kind of change.",
    "For display only, pixels are clamped to what a screen can show.",
  ].join(" "));
}

/** The same norm in as few pixels as possible: `whole` pixels from black to white. */
const onePlace = (whole) => (whole >= 1
  ? `${truncated(whole).slice(0, -2)} pixels from black to white`
  : `one pixel by ${Math.floor(100 * Math.sqrt(whole))}\u00a0% of the way from black to white`);

/** The image with its noise at this L2 norm, on a canvas. */
function paint(canvas, { shape: [channels, height, width], values }, norm) {
  const noise = norm > 0 ? unitNoise(values.length) : null;
  const area = height * width;
  const image = new ImageData(width, height);
  for (let i = 0; i < area; i += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      const at = channels === 3 ? colour * area + i : i;
      // The array clamps to 0 … 255 and rounds.
      image.data[4 * i + colour] = values[at] + (noise ? 255 * norm * noise[at] : 0);
    }
    image.data[4 * i + 3] = 255;
  }
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Gaussian noise of L2 norm 1, the same for the same example. */
function unitNoise(length) {
  if (picture.example === example) return picture.noise;
  const uniform = mulberry32(example);
  const noise = Float64Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
  const norm = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0));
  [picture.noise, picture.example] = [noise.map((value) => value / norm), example];
  return picture.noise;
}

/** A small generator of numbers from 0 to 1: enough for an example, no part of any certificate. */
function mulberry32(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// ---- what the user does ----------------------------------------------------

function given(files) {
  const [first] = files;
  if (!first) return;
  file = first;
  if (pool) ask(); else load();
}

function dropped(event) {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length > 0) return given(event.dataTransfer.files);
  complain("What was dropped is no file. Save the image first, then drop the file.", false);
}

function again() { if (pool) ask(); else load(); }

$("file").addEventListener("change", () => {
  given($("file").files);
  $("file").value = ""; // so that the same file can be chosen again
});
document.addEventListener("paste", (event) => given(event.clipboardData.files));
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
document.addEventListener("drop", dropped);
$("options").addEventListener("submit", (event) => { event.preventDefault(); if (file) again(); });
// A field that is wrong must be seen.
$("options").addEventListener("invalid", () => { $("more").open = true; }, true);
$("options").addEventListener("input", ({ target }) => {
  if (target === $("radius")) $("options").elements.question.value = "radius";
  $("radius").required = $("options").elements.question.value === "radius";
});
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value;
  again();
});
$("stop").addEventListener("click", stop);
$("retry").addEventListener("click", again);
$("scale").addEventListener("input", changed);
$("another").addEventListener("click", () => { example += 1; changed(); });
window.addEventListener("resize", soon);
load();
