"use strict";
// Draws the rows of /connections/data: connections above, latencies below. The report carries this file, too.
// Nothing but Plotly is needed. What comes from outside is escaped, because Plotly reads <b> and <a> as HTML.

const LINES = {
  // key of the column: what the legend says, and how the line looks; the first lie below the others
  sum: ["sum", {color: "#a9afb4", width: 6}],
  established: ["established", {color: "#2f9e55", width: 2}],
  close_wait: ["close wait", {color: "#e08a00", width: 2}],
  listener_held: ["held by the listener", {color: "#3b82d6", width: 2, dash: "dash"}],
  queue_backlog: ["queue backlog", {color: "#a35fd0", width: 2}],
};
const CLIENTS = {version: "#14a3a8", update: "#c2479b", query: "#7a6a2b", database: "#5457c9"}; // whose latency is drawn
const HEALTHY = "#9bbf1f", RED = "#e23c34", FAINT = "rgba(128,128,128,.25)";
const LEVELS = 4; // of flags
const HEIGHT = 580, BOTTOM = 110, LABEL = 15; // px
const NARROW = matchMedia("(max-width: 640px)"); // when it changes, what is drawn has to be drawn again

function drawConnections(box, data) {
  const color = getComputedStyle(box).color;
  const rows = withGaps(data.rows);
  const column = Object.fromEntries(data.columns.map((name, i) => [name, rows.map((row) => row[i])]));
  const top = 25 + LABEL * levels(data.marks);
  const axis = {gridcolor: FAINT, zeroline: false, linecolor: color, ticks: "outside", tickcolor: FAINT};
  return Plotly.react(box, [...counts(column, data.trigger), ...latencies(column, data.trigger, data.slo)], {
    height: sized(box, HEIGHT + below(170)), margin: {t: top, r: 20, b: BOTTOM, l: 85},
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color, family: "inherit"},
    hovermode: "x", uirevision: data.run, legend: {orientation: "h", y: -0.18, yanchor: "top"},
    ...flags(data.marks, color, HEIGHT - top - BOTTOM),
    xaxis: {...axis, title: {text: "seconds since the update"}, anchor: "y2"},
    yaxis: {
      ...axis, title: {text: "connections, notifications"}, domain: [0.4, 1], rangemode: "tozero", tickformat: ",d",
    },
    yaxis2: {...axis, title: {text: "latency (ms)"}, domain: [0, 0.3], type: "log", dtick: 1, tickformat: ",~r"},
  }, {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"]});
}

// An empty row where seconds are missing, as between the steps of a ramp: no line joins what was not measured.
function withGaps(rows) {
  return rows.flatMap((row, i) => i && row[0] > rows[i - 1][0] + 1 ? [row.map((_, k) => k ? null : row[0] - 1), row] : [row]);
}

// The pixels that a legend with a line per entry needs, on a narrow page.
function below(pixels) {
  return NARROW.matches ? pixels : 0;
}

// Set a box's height, and return it: it would have none when it is drawn while Plotly follows a resized window.
function sized(box, pixels) {
  box.style.height = `${pixels}px`;
  return pixels;
}

function levels(marks) {
  return Math.min(LEVELS, Object.keys(marks).length);
}

function counts(column, trigger) {
  return Object.entries(LINES).map(([key, [name, line]]) => trace(column, key, name, line, trigger));
}

function latencies(column, trigger, slo) {
  const seconds = column.second;
  const limit = {
    name: `limit ${slo} ms`, mode: "lines", line: {color: RED, width: 1, dash: "dot"}, hoverinfo: "skip",
    x: [seconds[0], seconds.at(-1)], y: [slo, slo],
  };
  const asked = Object.entries(CLIENTS).filter(([name]) => column[`${name}_latency_ms`].some((value) => value !== null));
  const lines = asked.map(([name, color]) =>
    trace(column, `${name}_latency_ms`, `${name} latency`, {color, width: 1.5}, trigger));
  if (column.healthy_max_ms.some((value) => value !== null))
    lines.push(trace(column, "healthy_max_ms", "healthy subscribers, the slowest", {color: HEALTHY, width: 1.5}, trigger));
  const nok = asked.flatMap(([name]) => [...seconds.keys()].filter((i) => column[`${name}_error`][i]).map((i) => ({
    x: seconds[i], y: column[`${name}_latency_ms`][i], text: `${name}: ${escaped(column[`${name}_error`][i])}`,
  })));
  const crosses = {
    name: "NOK", mode: "markers", marker: {symbol: "x", size: 9, color: RED}, showlegend: true, hovertemplate: "%{text}",
    ...Object.fromEntries(["x", "y", "text"].map((key) => [key, nok.map((point) => point[key])])),
  };
  return [limit, ...lines, crosses].map((part) => ({...part, yaxis: "y2"}));
}

function trace(column, key, name, line, trigger) {
  const mode = column.second.length < 300 ? "lines+markers" : "lines"; // a marker shows a second without neighbours
  const clock = column.second.map((second) => new Date((trigger + second) * 1000).toISOString().slice(11, 19) + " UTC");
  return {
    name, x: column.second, y: column[key], text: clock, mode, line, marker: {size: Math.max(4, line.width)},
    hovertemplate: "%{y} at second %{x} (%{text})",
  };
}

// What the steps of a ramp (latencies against connections) or the cycles (the broker at rest) came to.
function drawSteps(box, data) {
  const color = getComputedStyle(box).color;
  const axis = {gridcolor: FAINT, zeroline: false, linecolor: color, ticks: "outside", tickcolor: FAINT};
  const ramp = data.steps_are === "ramp";
  const steps = data.steps.map((step) => Object.fromEntries(data.step_columns.map((name, i) => [name, step[i]])));
  const y = {...axis, title: {text: ramp ? "slowest answer (ms)" : "number at rest"}};
  return Plotly.react(box, ramp ? againstConnections(steps, data) : atRest(steps), {
    height: sized(box, 360 + below(60)), margin: {t: 20, r: 85, b: 90, l: 85}, hovermode: "x", uirevision: data.run,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color, family: "inherit"},
    legend: {orientation: "h", y: -0.25, yanchor: "top"},
    xaxis: {...axis, title: {text: ramp ? "slow connections" : "cycle"}, tickformat: ",d", ...(ramp ? {} : {dtick: 1})},
    yaxis: ramp ? {...y, type: "log", dtick: 1, tickformat: ",~r"} : {...y, rangemode: "tozero", tickformat: ",d"},
    yaxis2: {...axis, title: {text: "RSS at rest (MB)"}, overlaying: "y", side: "right", rangemode: "tozero", showgrid: false, tickformat: ",.0f"},
  }, {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"]});
}

function againstConnections(steps, {slo, healthy_slo}) {
  const sorted = steps.toSorted((a, b) => a.subscriptions - b.subscriptions);
  const failed = sorted.filter((step) => step.verdict !== "PASS");
  const x = sorted.map((step) => step.subscriptions);
  const line = (name, key, color) => ({
    name, x, y: sorted.map((step) => step[key]), mode: "lines+markers", line: {color, width: 2},
    hovertemplate: "%{y:.1f} ms with %{x} connections",
  });
  const limit = (name, ms) => ({
    name: `${name} ${ms} ms`, mode: "lines", line: {color: RED, width: 1, dash: "dot"}, hoverinfo: "skip",
    x: [x[0], x.at(-1)], y: [ms, ms],
  });
  const slowest = {latency_max_ms: ["version", CLIENTS.version], update_max_ms: ["update", CLIENTS.update], healthy_max_ms: ["healthy subscribers", HEALTHY]};
  const measured = Object.entries(slowest).filter(([key]) => sorted.some((step) => step[key] !== null));
  return [
    limit("limit", slo), ...(healthy_slo === slo ? [] : [limit("limit for the healthy", healthy_slo)]),
    ...measured.map(([key, [name, color]]) => line(name, key, color)),
    {
      name: "failed", mode: "markers", marker: {symbol: "x", size: 10, color: RED}, showlegend: true,
      x: failed.map((step) => step.subscriptions),
      y: failed.map((step) => Math.max(...measured.map(([key]) => step[key])) || slo),
      text: failed.map((step) => `${step.verdict}: ${step.held ?? "?"} held, ${step.nok} rows NOK ${step.cause}`), hovertemplate: "%{text}",
    },
  ];
}

function atRest(steps) {
  const line = (name, key, color) => ({
    name, x: steps.map((step) => step.step), y: steps.map((step) => step[key]), mode: "lines+markers",
    line: {color, width: 2},
  });
  return [
    line("connections", "rest_connections", "#2f9e55"), line("descriptors", "rest_fds", "#3b82d6"), line("threads", "rest_threads", "#e08a00"),
    {...line("RSS", "rest_rss_bytes", "#a35fd0"), yaxis: "y2", y: steps.map((step) => step.rest_rss_bytes === null ? null : step.rest_rss_bytes / 1e6)},
  ];
}

// A flag where each phase begins, on a level of its own: phases may be a second apart, but not so the steps of a ramp.
function flags(marks, color, height) {
  const entries = Object.entries(marks);
  const above = (i) => LABEL * levels(marks) - LABEL * (i % levels(marks));
  return {
    annotations: entries.map(([text, x], i) => ({
      text, x, yref: "paper", y: 1, yshift: above(i) - LABEL, xanchor: "left", yanchor: "bottom", showarrow: false,
    })),
    shapes: entries.map(([, x], i) => ({
      type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1 + above(i) / height, line: {color, width: 1, dash: "dot"},
    })),
  };
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
