// ---- One operation with several settings ----

// { keys, points: [{ label, values, workload }] }: the keys that differ, and their values in the
// order of drawing.
function drawSweep(box, sweep) {
  const points = sweep.points.map(({ label, values, workload }) => ({
    label,
    values,
    w: report.workloads[workload],
    index: workload,
  }));
  const names = sweep.points.map(({ label }) => label);
  const figures = h('div', { class: 'small-plots' });
  box.append(figures);
  const recalls = points.map(({ w }) => w.recall?.mean ?? null);
  const hasRecall = recalls.some(finite);
  // All boxes stand in the page before one is drawn in: a chart is as wide as its box, and each box
  // takes some of the others' width. Paper gets no second drawing.
  const panel = (title) => {
    const place = h('div');
    figures.append(h('div', {}, h('h4', { text: title }), place));
    return place;
  };
  const ofLatency = panel('Latency');
  const ofRecall = hasRecall ? panel('Recall') : null;
  const ofRate = panel('Rate');
  const quantile = (key) => points.map(({ w }) => latency(w)[key]?.value ?? null);
  const lines = [
    { label: 'p50', key: 'p50', stroke: css('ink') },
    { label: 'p99', key: 'p99', stroke: css('grew'), dash: P99 },
  ].map((line) => ({ ...line, values: quantile(line.key) }));
  const key = sweep.keys[0] ?? 'workload';
  sweepPlot(ofLatency, names, lines, { key, axis: logY(), log: true, value: live });
  if (hasRecall)
    sweepPlot(ofRecall, names, [{ label: 'recall', values: recalls, stroke: css('good') }], {
      key,
      axis: axis({ size: 46 }),
      value: (u, value) => recall(value),
    });
  const rates = points.map(({ w }) => w.rate.achieved);
  sweepPlot(ofRate, names, [{ label: 'sent /s', values: rates, stroke: css('accent') }], {
    key,
    axis: axis({ size: 46, values: (u, values) => values.map(tick) }),
    zero: true,
    value: liveRate,
  });
  box.append(sweepTable(sweep, points, hasRecall));
  return points.length * lines.length;
}
function sweepPlot(box, names, lines, { key, axis: y, log, zero, value }) {
  const shown = lines.flatMap((line) => line.values).filter((found) => finite(found) && found > 0);
  if (shown.length === 0) return;
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const room = Math.max((high - low) * 0.2, high * 0.01);
  const range = log ? logRange(low, high) : [zero ? 0 : low - room, high + room];
  const places = names.map((_, at) => at);
  plot(
    box,
    {
      height: 220,
      scales: {
        x: { time: false, range: [-0.3, names.length - 0.7] },
        y: log ? { distr: 3, range } : { range },
      },
      axes: [
        axis({
          size: 30,
          splits: places,
          values: places.map((at) => shortened(names[at], box.clientWidth / names.length, FONT)),
        }),
        y,
      ],
      series: [
        { label: key, value: (u, x) => (x === null ? '' : names[x]) },
        ...lines.map(({ label, stroke, dash }) => ({
          label,
          stroke,
          dash,
          width: 2,
          points: { show: true, size: 7, fill: stroke },
          value: (u, found) => (found === null ? '' : value(u, found)),
        })),
      ],
      cursor: { y: false, points: { size: 8 } },
    },
    [places, ...lines.map((line) => line.values)],
  );
}
function sweepTable(sweep, points, hasRecall) {
  const keys = sweep.keys.length > 0 ? sweep.keys : ['workload'];
  const quantiles = (w) => ['p50', 'p99'].map((key) => estimate(latency(w)[key]));
  return table(
    'Settings',
    [keys[0], 'p50 ms', 'p99 ms', ...(hasRecall ? ['recall'] : []), 'sent /s', 'failed']
      .concat(keys.slice(1))
      .concat(['workload']),
    points.map(({ label, values, w, index }) => ({
      cells: [
        { text: label, href: `#w${index}` },
        ...quantiles(w),
        ...(hasRecall ? [recall(w.recall?.mean)] : []),
        number(w.rate.achieved),
        count(w.requests.failed + w.requests.not_sent),
        ...values.slice(1),
        place(w),
      ],
    })),
  );
}
