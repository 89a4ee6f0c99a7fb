"use strict";
// Builds the page from the JSON beside it. Every string of the data goes through textContent or setAttribute on attributes
// that hold text, never through markup, so no document can become an element.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const report = JSON.parse(document.getElementById("report-data").textContent);

  // ---- small helpers -------------------------------------------------------------------------------------------
  function element(name, className, ...children) {
    const node = document.createElement(name);
    if (className) node.className = className;
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  }
  function shape(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function hint(node, text) {
    node.append(shape("title", {}, text));
    return node;
  }
  function grouped(number) {
    return String(number).replace("-", "\u2212").replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  }
  function decimal(number) {
    if (Number.isInteger(number) && Math.abs(number) < 1e15) return grouped(number);
    const size = Math.abs(number);
    const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? number.toExponential(2).replace(/\.?0+e/, "e") : String(Number(number.toPrecision(4)));
    return text.replaceAll("-", "\u2212");
  }
  function written(value, kind) {
    if (value === null) return "\u2013";
    if (typeof value !== "number") return value;
    if (kind === "count") return grouped(value);
    if (kind === "share") return `${(100 * value).toFixed(value !== 0 && value < 0.001 ? 3 : 1)} %`;
    return decimal(value);
  }
  const ruler = document.createElement("canvas").getContext("2d");
  const family = getComputedStyle(document.body).fontFamily;
  function widthOf(text, style) {
    ruler.font = `${style || "12.5px"} ${family}`;
    return ruler.measureText(text).width;
  }
  // The text on one line, cut with an ellipsis where it would be wider than `pixels`.
  function cut(text, pixels, style) {
    const line = text.replace(/\s+/g, " ").trim();
    if (widthOf(line, style) <= pixels) return line;
    const characters = [...line];
    let [low, high] = [0, characters.length];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (widthOf(`${characters.slice(0, middle).join("")}\u2026`, style) <= pixels) low = middle;
      else high = middle - 1;
    }
    return `${characters.slice(0, low).join("")}\u2026`;
  }

  // ---- tables and facts ----------------------------------------------------------------------------------------
  function cell(value, kind, isHeading) {
    const isNumber = kind === "count" || kind === "share" || kind === "number";
    const node = element(isHeading ? "th" : "td", isNumber ? "is-number" : kind === "code" ? "is-code" : "");
    if (isHeading) node.scope = "row";
    if (kind === "share" && typeof value === "number") {
      const fill = element("span", "");
      fill.style.setProperty("--share", String(Math.round(1000 * Math.min(1, Math.max(0, value))) / 10));
      const bar = element("span", "share", fill);
      bar.setAttribute("aria-hidden", "true");
      node.append(bar);
    }
    if (value === 0) node.classList.add("is-zero");
    if (kind === "code" && typeof value === "string" && value.length > 48) node.classList.add("is-long");
    const text = element("bdi", "");
    text.textContent = written(value, kind);
    node.append(text);
    return node;
  }
  function tableOf(columns, rows, label) {
    const head = element("tr", "", ...columns.map((column) => {
      const node = cell(column.label, column.kind === "code" ? "text" : column.kind, true);
      node.scope = "col";
      return node;
    }));
    const body = rows.map((row) => element("tr", "", ...row.map((value, place) => cell(value, columns[place].kind, place === 0))));
    const scroll = element("div", "scroll", element("table", columns.length > 8 ? "is-wide" : "", element("thead", "", head), element("tbody", "", ...body)));
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", label);
    return scroll;
  }
  function factList(items, className) {
    return element("dl", className, ...items.map((item) => {
      const value = element("bdi", `value${item.kind === "code" ? " is-code" : ""}`);
      value.textContent = written(item.value, item.kind);
      const detail = item.detail ? element("div", "detail") : null;
      if (detail) detail.textContent = item.detail;
      if (detail && className === "facts") return element("div", "", element("dt", "", item.label), element("dd", "", value, element("span", "detail", item.detail)));
      return element("div", "", element("dt", "", item.label), element("dd", "", value, detail));
    }));
  }
  function fold(title, isOpen, className, ...content) {
    const summary = element("summary", "");
    summary.textContent = title;
    const node = element("details", className, summary, element("div", "inside", ...content));
    node.open = isOpen;
    return node;
  }

  // ---- charts --------------------------------------------------------------------------------------------------
  function legend(names) {
    return element("ul", "legend", ...names.map((name, place) => {
      const key = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
      key.append(shape("rect", { width: 12, height: 12, rx: 2, class: `series-${place}` }));
      const item = element("li", "", key);
      item.append(name);
      return item;
    }));
  }
  const undrawn = [];
  // Draws at the width of its place, and again when that changes, so that type keeps its size on a narrow screen.
  function chart(label, draw) {
    const place = element("div", "chart");
    let drawnWidth = 0;
    const redraw = () => {
      const width = Math.max(280, Math.floor(place.clientWidth));
      if (width === drawnWidth) return;
      drawnWidth = width;
      const svg = shape("svg", { role: "img", "aria-label": label });
      const height = draw(svg, width);
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("width", width);
      svg.setAttribute("height", height);
      place.replaceChildren(svg);
    };
    undrawn.push(redraw);
    // In the next frame: a change of size while sizes are being observed is reported as an error.
    new ResizeObserver(() => requestAnimationFrame(redraw)).observe(place);
    return place;
  }
  function figure(caption, note, parts, columns, rows) {
    const data = fold("Show the numbers", false, "data", tableOf(columns, rows, caption));
    return element("figure", "", element("figcaption", "", caption), ...parts, note ? element("p", "note", note) : null, data);
  }
  function drawFunnel(block) {
    const total = Math.max(1, block.stages[0].documents);
    return (svg, width) => {
      const isNarrow = width < 620;
      const left = isNarrow ? 0 : 200;
      const right = width - 76;
      const scale = (documents) => Math.max(documents > 0 ? 2 : 0, ((right - left) * documents) / total);
      const barHeight = 22;
      let y = 6;
      let previous = null;
      block.stages.forEach((stage, place) => {
        if (isNarrow) {
          svg.append(shape("text", { x: 0, y: y + 12, class: "strong" }, cut(stage.label, width - 10, "600 12.5px")));
          y += 20;
        } else {
          svg.append(hint(shape("text", { x: left - 14, y: y + 16, "text-anchor": "end" }, cut(stage.label, left - 20)), stage.label));
        }
        const kept = scale(stage.documents);
        if (previous) {
          svg.prepend(shape("polygon", { class: "flow", points: `${left},${previous.y} ${left + previous.width},${previous.y} ${left + kept},${y} ${left},${y}` }));
          const lost = Math.max(0, previous.width - kept);
          if (stage.losses.length) {
            const loss = shape("rect", { x: left + kept, y: y, width: Math.max(1.5, lost), height: barHeight, class: "loss" });
            svg.append(hint(loss, stage.losses.map((item) => `${item.reason}: ${grouped(item.documents)}`).join("\n")));
          }
        }
        svg.append(hint(shape("rect", { x: left, y, width: kept, height: barHeight, class: "series-0" }), `${stage.label}: ${grouped(stage.documents)}`));
        const lostDocuments = stage.losses.reduce((sum, item) => sum + item.documents, 0);
        const end = previous && stage.losses.length ? Math.max(left + previous.width, left + kept + 1.5) : left + kept;
        svg.append(shape("text", { x: end + 8, y: y + 16, class: "strong" }, grouped(stage.documents)));
        y += barHeight;
        if (lostDocuments) {
          const isOne = stage.losses.length === 1;
          const reasons = stage.losses.map((item) => (isOne ? item.reason : `${item.reason} ${grouped(item.documents)}`)).join(" \u00b7 ");
          const line = `\u2212${grouped(lostDocuments)}: ${reasons}`;
          svg.append(hint(shape("text", { x: left + 2, y: y + 15, class: "soft small" }, cut(line, width - left - 6, "11.5px")), line));
        }
        const isLast = place === block.stages.length - 1;
        previous = { width: kept, y };
        y += isLast ? 0 : stage.losses.length ? 30 : 18;
      });
      svg.append(shape("text", { x: left + 2, y: y + 20, class: "strong" }, `\u2192 ${block.result}`));
      return y + 28;
    };
  }
  function drawBars(block) {
    const largest = Math.max(1, ...block.values.map((row) => row.reduce((sum, value) => sum + value, 0)));
    return (svg, width) => {
      const left = Math.min(width < 520 ? 110 : 330, Math.max(...block.labels.map((text) => 14 + widthOf(text)), 60));
      const right = width - 110;
      block.values.forEach((row, place) => {
        const y = place * 24;
        const total = row.reduce((sum, value) => sum + value, 0);
        svg.append(hint(shape("text", { x: left - 10, y: y + 15, "text-anchor": "end" }, cut(block.labels[place], left - 12)), block.labels[place]));
        let x = left;
        row.forEach((value, series) => {
          const span = ((right - left) * value) / largest;
          const bar = shape("rect", { x, y: y + 3, width: Math.max(value > 0 ? 1 : 0, span), height: 17, class: `series-${series}` });
          svg.append(hint(bar, `${block.labels[place]}, ${block.series[series]}: ${grouped(value)}`));
          x += span;
        });
        svg.append(shape("text", { x: x + 8, y: y + 15, class: "soft" }, row.length > 1 ? `${grouped(row[0])} of ${grouped(total)}` : grouped(total)));
      });
      return block.values.length * 24 + 2;
    };
  }
  function drawMatrix(block) {
    return (svg, width) => {
      const number = block.labels.length;
      const left = Math.min(width < 520 ? 120 : 330, Math.max(...block.labels.map((text) => 40 + widthOf(text)), 60));
      const size = Math.max(9, Math.min(34, Math.floor((width - left - 4) / number)));
      const top = 22;
      for (let place = 0; place < number; place += 1) {
        svg.append(shape("text", { x: left + place * size + size / 2, y: 14, "text-anchor": "middle", class: "soft small" }, size >= 18 || place % 2 === 0 ? String(place + 1) : ""));
      }
      block.values.forEach((row, y) => {
        const label = `${y + 1}  ${block.labels[y]}`;
        svg.append(hint(shape("text", { x: left - 10, y: top + y * size + size / 2 + 4, "text-anchor": "end", class: "small" }, cut(label, left - 14, "11.5px")), label));
        row.forEach((value, x) => {
          const share = value / Math.max(1, row[y]);
          const cell = shape("rect", { x: left + x * size + 0.5, y: top + y * size + 0.5, width: size - 1, height: size - 1, rx: 2, class: value ? "series-0" : "empty-cell", "fill-opacity": value ? (0.12 + 0.88 * share).toFixed(3) : 1 });
          const words = x === y ? `${block.labels[y]}: ${grouped(value)} fail it` : `${grouped(value)} of the ${grouped(row[y])} that fail ${block.labels[y]} also fail ${block.labels[x]}`;
          svg.append(hint(cell, words));
        });
      });
      return top + number * size + 4;
    };
  }
  function niceTicks(low, high, wanted) {
    const span = high - low || Math.abs(high) || 1;
    const raw = span / wanted;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
    const ticks = [];
    for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) ticks.push(place * step);
    return ticks;
  }
  function drawHistogram(block) {
    const largest = Math.max(1, ...block.values.map((row) => row.reduce((sum, value) => sum + value, 0)));
    return (svg, width) => {
      const left = 12 + widthOf(grouped(largest));
      const [top, bottom, height] = [8, 200, 244];
      const yOf = (value) => bottom - ((bottom - top) * value) / largest;
      for (const tick of niceTicks(0, largest, 4).filter(Number.isInteger)) {
        svg.append(shape("line", { x1: left, x2: width, y1: yOf(tick), y2: yOf(tick), class: "grid" }));
        svg.append(shape("text", { x: left - 8, y: yOf(tick) + 4, "text-anchor": "end", class: "soft small" }, grouped(tick)));
      }
      const slot = (width - left) / block.labels.length;
      const every = Math.ceil(52 / slot);
      block.values.forEach((row, place) => {
        let sum = 0;
        row.forEach((value, series) => {
          const bar = shape("rect", { x: left + place * slot + 1, width: Math.max(1, slot - 2), y: yOf(sum + value), height: yOf(sum) - yOf(sum + value), class: `series-${series}` });
          svg.append(hint(bar, `from ${block.labels[place]}, ${block.series[series]}: ${grouped(value)}`));
          sum += value;
        });
        if (place % every === 0) svg.append(shape("text", { x: left + place * slot + 1, y: bottom + 17, class: "soft small" }, block.labels[place]));
      });
      svg.append(shape("text", { x: left, y: bottom + 37, class: "soft small" }, cut(block.axis, width - left, "11.5px")));
      return height;
    };
  }
  function drawLines(block) {
    const points = block.series.flatMap((series) => series.points);
    const xs = points.map((point) => point[0]);
    const ys = points.map((point) => point[1]).filter((value) => typeof value === "number");
    const [xLow, xHigh] = [Math.min(...xs), Math.max(...xs)];
    const yLow = Math.min(...ys);
    const yHigh = Math.max(...ys);
    const pad = (yHigh - yLow || Math.abs(yHigh) || 1) * 0.06;
    return (svg, width) => {
      const [left, top, bottom, height] = [58, 8, 230, 272];
      const xOf = (value) => left + 4 + ((width - left - 16) * (value - xLow)) / (xHigh - xLow || 1);
      const yOf = (value) => bottom - ((bottom - top) * (value - yLow + pad)) / (yHigh - yLow + 2 * pad || 1);
      for (const tick of niceTicks(yLow - pad, yHigh + pad, 5)) {
        svg.append(shape("line", { x1: left, x2: width, y1: yOf(tick), y2: yOf(tick), class: "grid" }));
        svg.append(shape("text", { x: left - 8, y: yOf(tick) + 4, "text-anchor": "end", class: "soft small" }, decimal(Number(tick.toPrecision(6)))));
      }
      for (const tick of niceTicks(xLow, xHigh, width < 520 ? 4 : 8).filter(Number.isInteger)) {
        svg.append(shape("text", { x: xOf(tick), y: bottom + 17, "text-anchor": "middle", class: "soft small" }, grouped(tick)));
      }
      block.series.forEach((series, place) => {
        const usable = series.points.filter((point) => typeof point[1] === "number");
        svg.append(shape("polyline", { class: `line-${place}`, points: usable.map((point) => `${xOf(point[0]).toFixed(1)},${yOf(point[1]).toFixed(1)}`).join(" ") }));
        if (usable.length > 48) return;
        for (const point of usable) {
          svg.append(hint(shape("circle", { cx: xOf(point[0]).toFixed(1), cy: yOf(point[1]).toFixed(1), r: 3, class: `series-${place}` }), `${series.name}, ${block.x_axis} ${decimal(point[0])}: ${decimal(point[1])}`));
        }
      });
      svg.append(shape("text", { x: left, y: bottom + 36, class: "soft small" }, `${block.y_axis}, by ${block.x_axis}`));
      return height;
    };
  }

  // ---- texts ---------------------------------------------------------------------------------------------------
  function textBox(text) {
    const node = element("pre", "");
    node.dir = "auto";
    node.textContent = text === "" ? "(empty)" : text;
    return node;
  }
  function runsBox(side, className) {
    const box = element("pre", "");
    box.dir = "auto";
    for (const run of side.runs) {
      const part = element(run.differs ? "mark" : "span", run.differs && run.text.trim() === "" ? "only-space" : "");
      part.textContent = run.text;
      box.append(part);
    }
    if (!side.runs.length) box.textContent = "(nothing)";
    return element("div", className, element("h3", "", side.title), box);
  }

  // ---- one renderer a block type -------------------------------------------------------------------------------
  const renderers = {
    note: (block) => element("p", "", block.text),
    facts: (block) => factList(block.items, block.prominent ? "headline" : "facts"),
    table: (block) => element("div", "table-block", element("p", "table-caption", block.caption), tableOf(block.columns, block.rows, block.caption), block.note ? element("p", "note", block.note) : null),
    funnel: (block) => {
      const rows = block.stages.flatMap((stage) => [[stage.label, "", null, stage.documents], ...stage.losses.map((item) => [stage.label, item.reason, -item.documents, null])]);
      const columns = [{ label: "stage", kind: "text" }, { label: "reason", kind: "code" }, { label: "change", kind: "count" }, { label: "documents", kind: "count" }];
      const label = `${block.caption}: ${block.stages.map((stage) => `${stage.label} ${grouped(stage.documents)}`).join(", ")}`;
      return figure(block.caption, "", [legend(["go on", "leave at this step"]), chart(label, drawFunnel(block))], columns, rows);
    },
    bars: (block) => figure(block.caption, block.note, [legend(block.series), chart(block.caption, drawBars(block))],
      [{ label: block.axis, kind: "text" }, ...block.series.map((label) => ({ label, kind: "count" }))], block.labels.map((label, place) => [label, ...block.values[place]])),
    matrix: (block) => figure(block.caption, block.note, [chart(block.caption, drawMatrix(block))],
      [{ label: "rule", kind: "text" }, ...block.labels.map((label, place) => ({ label: String(place + 1), kind: "count" }))], block.labels.map((label, place) => [`${place + 1} ${label}`, ...block.values[place]])),
    histogram: (block) => figure(block.caption, block.note, [legend(block.series), chart(block.caption, drawHistogram(block))],
      [{ label: "from", kind: "text" }, ...block.series.map((label) => ({ label, kind: "count" }))], block.labels.map((label, place) => [label, ...block.values[place]])),
    lines: (block) => figure(block.caption, "", [legend(block.series.map((series) => series.name)), chart(block.caption, drawLines(block))],
      [{ label: "series", kind: "text" }, { label: block.x_axis, kind: "number" }, { label: block.y_axis, kind: "number" }], block.series.flatMap((series) => series.points.map((point) => [series.name, point[0], point[1]]))),
    excerpts: (block) => fold(block.caption, block.is_open, "", ...block.items.map((item) => element("article", "", element("h3", "", item.title), factList(item.facts, "inline-facts"), textBox(item.text)))),
    pairs: (block) => fold(block.caption, block.is_open, "", ...block.items.map((item) => element("article", "", item.title ? element("h3", "", item.title) : null, factList(item.facts, "inline-facts"), element("div", "pair", runsBox(item.left, "left"), runsBox(item.right, "right"))))),
    code: (block) => fold(block.caption, false, "", textBox(block.text)),
  };

  const main = document.querySelector("main");
  const contents = document.querySelector(".contents > ul");
  document.querySelector(".origin").textContent = report.origin;
  for (const section of report.sections) {
    const heading = element("h2", "", section.title);
    heading.id = `section-${section.name}`;
    main.append(element("section", "", heading, ...section.blocks.map((block) => renderers[block.block](block))));
    const link = element("a", "", section.title);
    link.href = `#section-${encodeURIComponent(section.name)}`;
    contents.append(element("li", "", link));
  }

  for (const redraw of undrawn) redraw();

  // Paper cannot be unfolded.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const node of closed) node.open = true;
  });
  addEventListener("afterprint", () => {
    for (const node of closed) node.open = false;
  });
})();
