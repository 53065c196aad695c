"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const amount = (value) => {
    for (const [factor, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
      if (value >= 0.9995 * factor) return Number((value / factor).toPrecision(3)) + prefix;
    return String(value);
  };

  const short = (value) => {
    const size = Math.abs(value);
    return value === 0 || (size >= 1e-3 && size < 1e6) ? value.toFixed(4) : value.toPrecision(4);
  };

  function describe(number) {
    const [generation, fitness, params, flops, seconds, genes, parents, reason, latency] = data.rows[number];
    const lines = [`candidate ${number}, generation ${generation}`];
    lines.push(fitness === null ? `failed: ${reason}` : `${data.measure} ${short(fitness)}`);
    const costs = [];
    if (params !== null) costs.push(`${amount(params)} parameters`);
    if (flops !== null) costs.push(`${amount(flops)} FLOPs`);
    if (latency !== null) costs.push(`${Number(latency.toPrecision(3))} ms`);
    if (costs.length) lines.push(costs.join(", "));
    lines.push(`${seconds.toFixed(1)} s` + (parents.length ? `; made from ${parents.join(" and ")}` : ""));
    lines.push(genes.map((gene) => data.names[gene]).join(" "));
    return lines.join("\n");
  }

  let hot = null;
  function show(dot) {
    if (dot === hot) return;
    document.querySelectorAll(".hot").forEach((one) => one.classList.remove("hot"));
    hot = dot;
    tip.hidden = !dot;
    if (!dot) return;
    document.querySelectorAll(`[data-n="${dot.dataset.n}"]`).forEach((one) => one.classList.add("hot"));
    tip.textContent = describe(Number(dot.dataset.n));
    const at = dot.getBoundingClientRect();
    const width = tip.offsetWidth, height = tip.offsetHeight;
    const left = Math.min(at.right + 10, document.documentElement.clientWidth - width - 8);
    const below = at.bottom + 10 + height < window.innerHeight;
    tip.style.left = `${Math.max(8, left) + window.scrollX}px`;
    tip.style.top = `${(below ? at.bottom + 10 : at.top - height - 10) + window.scrollY}px`;
  }

  document.querySelectorAll("[data-plot]").forEach((plot) => {
    const svg = plot.querySelector("svg");
    const dots = [...plot.querySelectorAll("circle")].sort((a, b) => a.dataset.n - b.dataset.n);
    plot.addEventListener("pointermove", (event) => {
      const scale = svg.viewBox.baseVal.width / svg.clientWidth;
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let nearest = null, least = 18 * 18;
      for (const dot of dots) {
        const dx = dot.cx.baseVal.value - x, dy = dot.cy.baseVal.value - y;
        const distance = dx * dx + dy * dy;
        if (distance < least) [nearest, least] = [dot, distance];
      }
      show(nearest);
    });
    plot.addEventListener("pointerleave", () => show(null));
    plot.addEventListener("blur", () => show(null));
    plot.addEventListener("keydown", (event) => {
      const place = dots.indexOf(hot), last = dots.length - 1;
      const next = { ArrowRight: Math.min(place + 1, last), ArrowLeft: Math.max(place - 1, 0), Home: 0, End: last }[event.key];
      if (event.key === "Escape") return show(null);
      if (next === undefined) return;
      event.preventDefault();
      show(dots[next]);
    });
  });

  document.querySelectorAll(".sortable").forEach((table) => {
    const headings = [...table.tHead.rows[0].cells];
    const value = (row, column) => {
      const cell = row.cells[column], text = cell.dataset.value ?? cell.textContent;
      return text.trim() === "" || isNaN(text) ? text : Number(text);
    };
    headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      const rows = [...table.tBodies[0].rows];
      const numeric = rows.every((row) => typeof value(row, column) === "number");
      const before = heading.getAttribute("aria-sort");
      const down = before ? before === "ascending" : numeric;
      rows.sort((a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
      });
      headings.forEach((one) => one.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      table.tBodies[0].append(...rows);
    }));
  });
})();
