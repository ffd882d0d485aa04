"use strict";
// The tab "Connections". Locust's page makes the tab itself, empty; this puts its content below it, and fetches what is
// new each second for as long as the tab is open.

(() => {
  const box = document.createElement("div");
  box.id = "connections";
  box.innerHTML = `
    <p class="verdict"><b class="state"></b> <span class="phase"></span></p>
    <table class="causes"><thead><tr><th>Cause</th><th>Remedy</th></tr></thead><tbody></tbody></table>
    <div class="summary">
    <div><ul class="reasons"></ul></div>
    <table class="figures"><thead><tr><th>Metric</th><th>Now</th><th>Min</th><th>Max</th></tr></thead><tbody></tbody></table>
    </div>
    <div class="chart rows"></div><div class="chart steps"></div>`;
  const find = (selector) => box.querySelector(selector);
  let last = {run: null, rows: []}, busy = false, theme = "", plotly = null;

  async function look() {
    for (const field of document.querySelectorAll("input[name=host]")) field.readOnly = true; // as the command line has it
    const tab = document.querySelector("#root [role=tab][aria-selected=true]");
    const shown = tab !== null && tab.textContent.trim() === "Connections";
    box.hidden = !shown;
    if (!shown) return;
    const content = tab.closest(".MuiContainer-root");
    if (content.lastElementChild !== box) content.append(box); // React puts what it makes behind it
    if (busy || document.hidden) return;
    busy = true;
    try {
      await update();
    } catch (error) {
      console.warn("connections:", error);
      find(".phase").textContent = "Locust does not answer; this is the last that was known";
    } finally {
      busy = false;
    }
  }

  async function update() {
    await (plotly ??= load("./connections/plotly.min.js"));
    let next = await fetchSince(last.rows.length);
    const again = next.run !== last.run;
    if (again && next.since) next = await fetchSince(0); // another run: what we have is not of it
    const fresh = next.rows.length;
    if (!again) next.rows = last.rows.concat(next.rows);
    const color = getComputedStyle(box).color;
    const redraw = again || fresh || color !== theme || Object.keys(next.marks).length !== Object.keys(last.marks).length;
    [last, theme] = [next, color];
    tell(next);
    find(".figures").hidden = find(".rows").hidden = !next.rows.length; // until the subscriptions are there
    if (redraw && next.rows.length) await drawConnections(find(".rows"), next);
    find(".steps").hidden = !next.steps.length;
    if (redraw && next.steps.length) await drawSteps(find(".steps"), next);
  }

  async function fetchSince(since) {
    const answer = await fetch(`./connections/data?since=${since}`, {cache: "no-store"});
    return answer.json(); // not JSON: the login page
  }

  function load(address) {
    return new Promise((loaded, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = loaded;
      script.onerror = () => { plotly = null; failed(new Error(address)); };
      document.head.append(script);
    });
  }

  function tell(data) {
    box.dataset.state = data.state;
    find(".state").textContent = data.state;
    const second = data.rows.length ? `, second ${data.rows.at(-1)[0]} of ${data.end}` : "";
    find(".phase").textContent = data.state === "RUNNING" ? `phase ${data.phase}${second}` : "";
    find(".causes").hidden = !data.causes.length;
    fill(find(".causes tbody"), data.causes, (cause) => fill(document.createElement("tr"), parts(cause), (part) => part));
    fill(find(".reasons"), data.reasons, (reason) => text("li", reason));
    fill(find(".figures tbody"), data.table, (cells) => fill(document.createElement("tr"), cells, (cell) => text("td", shown(cell))));
  }

  function parts([sentence, evidence, remedy]) {
    const cell = document.createElement("td");
    cell.append(text("b", sentence), document.createElement("br"), evidence);
    return [cell, text("td", remedy)];
  }

  const fill = (parent, items, make) => { parent.replaceChildren(...items.map(make)); return parent; };
  const text = (tag, content) => Object.assign(document.createElement(tag), {textContent: content});
  const shown = (cell) => typeof cell === "number" ? cell.toLocaleString("en") : cell ?? "–";

  NARROW.addEventListener("change", () => { theme = ""; });
  setInterval(look, 1000);
  document.addEventListener("click", () => setTimeout(look, 50)); // another tab, or dark mode: not a second later
  look();
})();
