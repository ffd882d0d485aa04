"use strict";
// Draws two runs over the seconds since the update: connections above, the latency of GET /version below. It uses
// chart.js's FAINT, below(), sized() and escaped(). A is wide and pale, B thin and dark: where they agree, both can be seen.

const RUNS = [
  // the legend's height above the chart and, on a narrow page, below it; the run's colour and width of line
  {legend: "legend", y: 1.17, narrow: -0.2, color: "#7db3ec", mark: "#1f6fc4", width: 5},
  {legend: "legend2", y: 1.10, narrow: -0.55, color: "#c2410c", mark: "#c2410c", width: 1.5},
];

// Unseen, from 1 to 1000 ms, else two runs within 5 ms look worlds apart. (What a logarithmic axis is told to include
// becomes its end: slower answers would be outside.)
const SCALE = {x: [0, 0], y: [1, 1000], yaxis: "y2", mode: "markers", marker: {opacity: 0}, hoverinfo: "skip", showlegend: false};

function drawComparison(box, runs) {
  const color = getComputedStyle(box).color;
  const axis = {gridcolor: FAINT, zeroline: false, linecolor: color, ticks: "outside", tickcolor: FAINT};
  const more = below(170);
  const place = (run) => more ? {orientation: "v", y: run.narrow, yanchor: "top"} : {orientation: "h", y: run.y, yanchor: "bottom"};
  const legends = Object.fromEntries(RUNS.map((run, i) => [
    run.legend, {...place(run), x: 0, xanchor: "left", title: {text: escaped(runs[i].name)}},
  ]));
  return Plotly.react(box, [...runs.flatMap((run, i) => traces(run, RUNS[i])), SCALE], {
    height: sized(box, 620 + more), margin: {t: more ? 60 : 110, r: 20, b: 60, l: 85},
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color, family: "inherit"},
    hovermode: "x", ...legends,
    shapes: [{type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: {color, width: 1, dash: "dot"}}],
    annotations: [{
      text: "update", x: 0, yref: "paper", y: 1, xanchor: "left", yanchor: "bottom", showarrow: false,
    }],
    xaxis: {...axis, title: {text: "seconds since the update"}, anchor: "y2"},
    yaxis: {...axis, title: {text: "connections"}, domain: [0.4, 1], rangemode: "tozero", tickformat: ",d"},
    yaxis2: {...axis, title: {text: "latency (ms)"}, domain: [0, 0.32], type: "log", dtick: 1, tickformat: ",~r"},
  }, {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"]});
}

function traces({points}, {legend, color, mark, width}) {
  const [x, established, closeWait, ok, nok, error] = [0, 1, 2, 3, 4, 5].map((i) => points.map((point) => point[i]));
  const mode = points.length < 300 ? "lines+markers" : "lines"; // a marker shows a second without neighbours
  const line = (name, y, dash, more) => ({
    name, x, y, legend, mode, line: {color, width, dash}, marker: {size: width + 1},
    hovertemplate: "%{y} at second %{x}", ...more,
  });
  return [
    line("established", established, "solid"),
    line("close wait", closeWait, "dot"),
    line("version latency", ok, "solid", {yaxis: "y2"}),
    line("NOK", nok, "solid", {
      yaxis: "y2", mode: "markers", marker: {symbol: "x", size: 9, color: mark}, showlegend: true,
      text: error.map(escaped), hovertemplate: "%{text}",
    }),
  ];
}
