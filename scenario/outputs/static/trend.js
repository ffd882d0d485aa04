"use strict";
// Draws each judged figure by run, one small chart per figure; the first run that is worse than those before it is red.
// It uses chart.js's FAINT, RED, sized() and escaped().

function drawTrend(box, {runs, lines}) {
  const color = getComputedStyle(box).color;
  const axis = {gridcolor: FAINT, zeroline: false, linecolor: color, fixedrange: true, automargin: true};
  const x = runs.map(escaped);
  box.classList.add("trend");
  box.replaceChildren(); // when it is drawn again
  for (const {title, values, worse} of lines) {
    const figure = box.appendChild(document.createElement("div"));
    const marks = values.map((_, i) => (i === worse ? RED : "#1f6fc4"));
    Plotly.newPlot(figure, [{
      x, y: values, mode: "lines+markers", line: {color: "#7db3ec", width: 2}, marker: {color: marks, size: 9},
      hovertemplate: "%{y}<extra>%{x}</extra>",
    }], {
      height: sized(figure, 220), margin: {t: 32, r: 10, b: 40, l: 50}, font: {color, family: "inherit", size: 11},
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", title: {text: escaped(title), font: {size: 13}},
      xaxis: {...axis, type: "category"}, yaxis: {...axis, rangemode: "tozero"},
    }, {responsive: true, displayModeBar: false});
  }
}
