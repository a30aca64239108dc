#include "pkgtool/size_page.h"

namespace romdelta::pkgtool {

// Rectangles are exact, without gaps: their areas are the numbers. What separates them is drawn
// over their edges.
const std::string_view size_page_begin = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Where the payload went</title>
<style>
:root {
  color-scheme: light dark;
  --page: #f6f5f2; --card: #fffefc; --ink: #14130f; --soft: #5b5952; --line: #dedcd4;
  --literals: #f6c5a9; --changes: #b7d2f3; --control: #a9dfc8; --structure: #d8d6cf;
  --literals-edge: #d0521c; --changes-edge: #256fc9; --control-edge: #128a5e;
  --structure-edge: #77756d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131312; --card: #1d1d1b; --ink: #f4f3ee; --soft: #b1aea4; --line: #383733;
    --literals: #85391a; --changes: #204f8a; --control: #14603f; --structure: #4b4a45;
    --literals-edge: #ee7a44; --changes-edge: #5b9ff0; --control-edge: #34bd87;
    --structure-edge: #a19e94;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 36px 24px 48px; }
h1 { margin: 0; font-size: 32px; line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 36px 0 10px; font-size: 18px; }
.about { margin: 4px 0 0; color: var(--soft); }
.reasons { margin: 20px 0 0; padding: 14px 18px; background: var(--card); border-radius: 8px;
  border: 1px solid var(--line); border-left: 4px solid var(--ink); font-size: 17px; }
.reasons p { margin: 0; }
.bar { display: flex; gap: 2px; height: 26px; margin: 24px 0 14px; border-radius: 5px;
  overflow: hidden; }
.bar div { min-width: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 16px; border-top: 4px solid; }
.card h3 { margin: 0; font-size: 15px; text-transform: capitalize; }
.card .big { font-size: 24px; font-weight: 600; letter-spacing: -0.01em; }
.card .big span, .card .why, .note { color: var(--soft); font-size: 13px; font-weight: 400;
  letter-spacing: 0; }
.card .why { margin: 0; line-height: 1.4; }
.card dl { margin: 8px 0 0; display: grid; grid-template-columns: 1fr auto; font-size: 13px; }
.card dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
#map { position: relative; border-radius: 8px; overflow: hidden; border: 1px solid var(--line);
  background: var(--card); }
#map svg { display: block; width: 100%; }
.leaf { stroke: var(--card); stroke-width: 1; cursor: pointer; }
.leaf.on { stroke: var(--ink); stroke-width: 3; }
.group { fill: none; stroke: var(--ink); stroke-width: 1.5; pointer-events: none; }
.pill { fill: var(--card); opacity: 0.92; pointer-events: none; }
svg text { fill: var(--ink); font-size: 12px; pointer-events: none; }
svg .name { font-weight: 600; }
.fill-literals { fill: var(--literals); background: var(--literals); }
.fill-changes { fill: var(--changes); background: var(--changes); }
.fill-control { fill: var(--control); background: var(--control); }
.fill-structure { fill: var(--structure); background: var(--structure); }
.edge-literals { border-top-color: var(--literals-edge); }
.edge-changes { border-top-color: var(--changes-edge); }
.edge-control { border-top-color: var(--control-edge); }
.edge-structure { border-top-color: var(--structure-edge); }
.bar .fill-literals, .mix .fill-literals { background: var(--literals-edge); }
.bar .fill-changes, .mix .fill-changes { background: var(--changes-edge); }
.bar .fill-control, .mix .fill-control { background: var(--control-edge); }
.bar .fill-structure, .mix .fill-structure { background: var(--structure-edge); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 10px; padding: 0;
  list-style: none; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 6px;
  border-radius: 3px; vertical-align: -1px; }
#details { min-height: 64px; margin: 10px 0 0; padding: 10px 16px; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }
#details b { overflow-wrap: anywhere; }
#details p { margin: 0; }
.scroll { max-height: 640px; overflow: auto; background: var(--card); border-radius: 8px;
  border: 1px solid var(--line); }
table { width: 100%; border-collapse: collapse; font-size: 13px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 8px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--card); color: var(--soft);
  font-weight: 600; }
th:first-child { text-align: left; max-width: 280px; overflow: hidden; text-overflow: ellipsis; }
tbody th { font-weight: 600; }
tr.symbol th { padding-left: 28px; font-weight: 400; }
tr.symbol { color: var(--soft); }
tbody tr:hover { background: var(--page); }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; }
.mix { display: flex; width: 72px; height: 8px; margin-left: auto; border-radius: 2px;
  overflow: hidden; background: var(--line); }
</style>
</head>
<body>
<main>
<h1 id="title">Where the payload went</h1>
<p class="about" id="about"></p>
<div class="reasons" id="reasons"></div>
<noscript><p>This page draws itself with a script that it contains. The same numbers:
<code>pkgtool explain-size</code> without <code>--html</code>.</p></noscript>
<div class="bar" id="bar" aria-hidden="true"></div>
<div class="cards" id="cards"></div>
<h2 id="map-title">By place in the target</h2>
<ul class="legend" id="legend"></ul>
<div id="map"></div>
<div id="details" aria-live="polite"></div>
<h2 id="table-title">The same numbers</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="table-title">
<table id="table"><caption hidden>Payload bytes by place in the target</caption></table>
</div>
<p class="note">Payload bytes as decoding charged them; fractions of bits are rounded so that all
sums are exact. <em>New</em> and <em>changed</em> count bytes of the target: those that the source
has nothing like, and those that differ from where they were copied from.</p>
</main>
<script type="application/json" id="data">)html";

const std::string_view size_page_end = R"html(</script>
<script>
"use strict";
addEventListener("error", event => { document.documentElement.dataset.error = event.message; });

const data = JSON.parse(document.getElementById("data").textContent);
const purposes = ["literals", "changes", "control", "structure"];
const meanings = {
  literals: "bytes that the source has nothing like",
  changes: "what differs in parts taken from the source",
  control: "where to copy from, and how much",
  structure: "the address map, plan, hash tree and headers",
};
const streamsOf = {
  literals: ["literals"],
  changes: ["block_flags", "word_flags", "spelled_changes", "diff_values", "zero_runs"],
  control: ["copy_lengths", "extra_lengths", "source_seeks"],
  structure: ["address_map", "plan", "tree_nodes", "chunk_headers"],
};
const number = new Intl.NumberFormat("en-US");
const format = value => number.format(value);
const percent = (part, whole) => whole ? (100 * part / whole).toFixed(1) + " %" : "";
const hex = offset => "0x" + offset.toString(16).padStart(8, "0");
const byId = id => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function svg(name, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  return node;
}

const bytesFor = (place, purpose) => place[purpose + "_bytes"] || 0;
const dominant = place => purposes.reduce(
  (best, purpose) => bytesFor(place, purpose) > bytesFor(place, best) ? purpose : best);

// What is drawn: regions of the target as groups, their symbols (or the region alone) as leaves, and
// what belongs to no place.
const byPayload = (a, b) => b.payload_bytes - a.payload_bytes;
const structure = { name: "structure", payload_bytes: data.structure_bytes,
  structure_bytes: data.structure_bytes, streams: data.streams, target_bytes: 0 };
const groups = [...data.regions, structure].filter(region => region.payload_bytes > 0)
  .sort(byPayload)
  .map(region => ({ region, value: region.payload_bytes,
    leaves: (region.symbols || [region]).filter(place => place.payload_bytes > 0).sort(byPayload)
      .map(place => ({ place, region, value: place.payload_bytes })) }));

// Squarified treemap (Bruls, Huizing, van Wijk): rows along the shorter side, as long as that makes
// their rectangles more like squares. `items` in descending order.
function squarify(items, box, place) {
  let { x, y, w, h } = box;
  let left = items.reduce((sum, item) => sum + item.value, 0);
  for (let first = 0; first < items.length;) {
    const side = Math.min(w, h), scale = w * h / left;
    const worst = (sum, least) => {
      const thick = sum * scale / side;
      return Math.max(items[first].value * scale / (thick * thick),
                      thick * thick / (least * scale));
    };
    let end = first + 1, row = items[first].value;
    while (end < items.length &&
           worst(row + items[end].value, items[end].value) <= worst(row, items[end - 1].value)) {
      row += items[end++].value;
    }
    const thick = end === items.length ? Math.max(w, h) : row * scale / side;
    let along = 0;
    for (; first < end; ++first) {
      const length = items[first].value / row * side;
      place(items[first], w >= h ? { x, y: y + along, w: thick, h: length }
                                 : { x: x + along, y, w: length, h: thick });
      along += length;
    }
    if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    left -= row;
  }
}

const pen = document.createElement("canvas").getContext("2d");
pen.font = "600 12px " + getComputedStyle(document.body).fontFamily;
const widthOf = text => pen.measureText(text).width;

// As much of the text as fits, or nothing where that would say nothing, as with offsets.
function shorten(text, width) {
  if (widthOf(text) <= width) return text;
  if (text.startsWith("0x")) return "";
  let length = Math.min(text.length, Math.floor(width / 4));
  while (length > 4 && widthOf(text.slice(0, length) + "\u2026") > width) --length;
  return length > 4 ? text.slice(0, length) + "\u2026" : "";
}

function describe(leaf) {
  const { place, region } = leaf;
  const box = byId("details");
  const where = place === region ? "" : " in " + region.name;
  const offset = "target_offset_bytes" in place ? " at " + hex(place.target_offset_bytes) : "";
  const target = place.target_bytes
    ? `${format(place.target_bytes)} bytes of the target${offset}: ${format(place.new_bytes)} new, ` +
      `${format(place.changed_bytes)} changed` : "of no place in the target";
  const streams = Object.entries(place.streams)
    .filter(([name]) => place !== structure || streamsOf.structure.includes(name))
    .sort((a, b) => b[1] - a[1])
    .map(([name, bytes]) => `${name.replace("_", " ")} ${format(bytes)}`).join(", ");
  box.replaceChildren(
    element("p", {}, element("b", {}, place.name + where), ` \u2014 ${format(place.payload_bytes)} ` +
      `payload bytes, ${percent(place.payload_bytes, data.payload_bytes)}`),
    element("p", {}, target), element("p", { class: "note" }, streams));
}

let pinned = null;
function show(leaf) {
  for (const node of document.querySelectorAll(".leaf.on")) node.classList.remove("on");
  if (!leaf) {
    byId("details").replaceChildren(element("p", { class: "note" },
      "Point at a rectangle or a row for details; click a rectangle to keep them."));
    return;
  }
  leaf.node.classList.add("on");
  leaf.node.parentNode.append(leaf.node);  // Its frame is drawn over its neighbours'.
  describe(leaf);
}

function drawLabel(layer, leaf, box, lower) {
  const name = shorten(leaf.place.name, box.w - 10);
  if (box.h < 20 + lower || name === "") return;
  layer.append(svg("text", { x: box.x + 6, y: box.y + 15 + lower, class: "name" }, name));
  const size = format(leaf.value) + " \u00b7 " + percent(leaf.value, data.payload_bytes);
  if (box.h >= 38 + lower && widthOf(size) < box.w - 10) {
    layer.append(svg("text", { x: box.x + 6, y: box.y + 31 + lower }, size));
  }
}

function drawLeaf(rectangles, labels, leaf, box, lower) {
  leaf.node = svg("rect", { class: "leaf fill-" + dominant(leaf.place), x: box.x, y: box.y,
    width: box.w, height: box.h, "data-bytes": leaf.value, "data-name": leaf.place.name });
  leaf.node.addEventListener("pointerenter", () => show(leaf));
  leaf.node.addEventListener("pointerleave", () => show(pinned));
  leaf.node.addEventListener("click", () => { pinned = pinned === leaf ? null : leaf; show(leaf); });
  rectangles.append(leaf.node);
  drawLabel(labels, leaf, box, lower);
}

function drawGroup(layers, group, box) {
  const isNested = group.leaves.length > 1;
  const name = isNested && box.h > 50 ? shorten(group.region.name, box.w - 12) : "";
  let lower = name === "" ? 0 : 20;
  squarify(group.leaves, box, (leaf, inner) => {
    drawLeaf(layers.rectangles, layers.labels, leaf, inner, lower);
    lower = 0;
  });
  if (!isNested) return;
  layers.labels.append(svg("rect", { class: "group", x: box.x, y: box.y, width: box.w,
    height: box.h }));
  if (name === "") return;
  layers.labels.append(svg("rect", { class: "pill", x: box.x + 1, y: box.y + 1, height: 18,
    width: widthOf(name) + 12 }), svg("text", { x: box.x + 6, y: box.y + 14, class: "name" },
    name));
}

function drawMap() {
  const width = byId("map").clientWidth, height = Math.round(Math.max(360, Math.min(640, width / 2)));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img",
    "aria-labelledby": "map-name map-text" });
  root.append(svg("title", { id: "map-name" }, "Treemap of the payload"),
    svg("desc", { id: "map-text" }, `${data.reasons.join(" ")} The table below has all numbers.`));
  const layers = { rectangles: svg("g", {}), labels: svg("g", {}) };
  squarify(groups, { x: 0, y: 0, w: width, h: height }, (group, box) => drawGroup(layers, group, box));
  root.append(layers.rectangles, layers.labels);
  byId("map").replaceChildren(root);
  show(pinned);
}

function drawHead() {
  const kind = data.kind === "full" ? "full package" : `${data.source_version} to`;
  document.title = `${data.package_id}: where ${format(data.payload_bytes)} bytes went`;
  byId("title").textContent = `Where ${format(data.payload_bytes)} bytes went`;
  byId("about").textContent = `${data.package_id}, ${kind} ${data.target_version}, codec ` +
    `${data.codec}: ${percent(data.payload_bytes, data.target_bytes)} of the ` +
    `${format(data.target_bytes)} bytes of the target`;
  byId("reasons").append(...data.reasons.map(reason => element("p", {}, reason)));
  for (const purpose of purposes) {
    const bytes = bytesFor(data, purpose);
    const part = element("div", { class: "fill-" + purpose });
    part.style.flexGrow = bytes;
    if (bytes) byId("bar").append(part);
    const streams = streamsOf[purpose].filter(stream => data.streams[stream]);
    byId("cards").append(element("div", { class: "card edge-" + purpose },
      element("h3", {}, purpose), element("div", { class: "big" }, format(bytes) + " ",
        element("span", {}, percent(bytes, data.payload_bytes))),
      element("p", { class: "why" }, meanings[purpose]),
      element("dl", {}, ...(streams.length < 2 ? [] : streams).flatMap(stream => [
        element("dt", {}, stream.replace("_", " ")),
        element("dd", {}, format(data.streams[stream]))]))));
    byId("legend").append(element("li", {}, element("i", { class: "fill-" + purpose }),
      `mostly ${purpose}`));
  }
}

function mixOf(place) {
  const mix = element("div", { class: "mix", "aria-hidden": "true" });
  for (const purpose of purposes) {
    const part = element("div", { class: "fill-" + purpose });
    part.style.width = 100 * bytesFor(place, purpose) / (place.payload_bytes || 1) + "%";
    mix.append(part);
  }
  return mix;
}

function row(place, kind, leaf) {
  const offset = "target_offset_bytes" in place ? hex(place.target_offset_bytes) : "";
  const numbers = [place.target_bytes, place.payload_bytes].map(format);
  const rest = [...purposes.slice(0, 3).map(purpose => bytesFor(place, purpose)),
    place.new_bytes || 0, place.changed_bytes || 0].map(format);
  const node = element("tr", { class: kind }, element("th", { scope: "row" }, place.name),
    ...[offset, ...numbers, percent(place.payload_bytes, data.payload_bytes)].map(
      text => element("td", {}, text)),
    element("td", {}, mixOf(place)), ...rest.map(text => element("td", {}, text)));
  if (leaf) {
    node.addEventListener("pointerenter", () => show(leaf));
    node.addEventListener("pointerleave", () => show(pinned));
  }
  return node;
}

function drawTable() {
  const names = [data.regions_are === "sections" ? "Section" : "Range", "Offset", "Target bytes",
    "Payload bytes", "Share", "Mix", "Literals", "Changes", "Control", "New", "Changed"];
  const body = element("tbody");
  for (const group of groups) {
    const isNested = group.region.symbols !== undefined;
    body.append(row(group.region, "region", isNested ? null : group.leaves[0]));
    if (isNested) body.append(...group.leaves.map(leaf => row(leaf.place, "symbol", leaf)));
  }
  byId("table").append(
    element("thead", {}, element("tr", {}, ...names.map(name => element("th", { scope: "col" }, name)))),
    body, element("tfoot", {}, row({ ...data, name: "All" }, "all", null)));
}

drawHead();
drawTable();
drawMap();
addEventListener("resize", drawMap);
document.documentElement.dataset.ready = groups.reduce((sum, group) => sum + group.leaves.length, 0);
</script>
</body>
</html>
)html";

}  // namespace romdelta::pkgtool
