// ---- Over time ----

function drawSeries(box, w) {
  const { start_s, step_s, per_decade, cells, ok, failed, p50_us, p99_us, covered_s } = w.series;
  // Of the first and the last column often only a part belongs to the phase; reports of older
  // versions do not know it.
  const inside = ok.map((_, at) => covered_s[at] ?? step_s);
  const isPart = inside.map((seconds) => seconds < step_s);
  const middle = ok.map((_, at) => start_s + (at + 0.5) * step_s);
  const range = [start_s, start_s + ok.length * step_s];
  const buckets = cells.flat().map(([bucket]) => bucket);
  if (buckets.length === 0 && sum(failed) === 0) return 0;
  const edge = (bucket) => 10 ** (bucket / per_decade);
  const y = buckets.length
    ? [edge(Math.min(...buckets)) / 1.1, edge(Math.max(...buckets) + 1) * 1.1]
    : [100, 1e6];
  const most = Math.max(1, ...cells.flat().map(([, requests]) => requests));
  const sync = { key: `time-${place(w)}` };
  const second = (u, x, line, at) =>
    x === null
      ? ''
      : `${number(x)} s${isPart[at] ? `, ${duration(inside[at] * 1e6)} of it` : ''}`;
  plot(
    box,
    {
      height: narrow() ? 240 : isPrinting() ? 200 : 280,
      scales: { x: { time: false, range }, y: { distr: 3, range: y } },
      axes: [seconds(), logY()],
      series: [
        { label: 'second', value: second },
        { label: 'p50', stroke: css('ink'), width: 2, points: { show: false }, value: live },
        {
          label: 'p99',
          stroke: css('grew'),
          width: 2,
          dash: P99,
          points: { show: false },
          value: live,
        },
      ],
      cursor: { sync, y: false, points: { size: 6 } },
      hooks: { drawAxes: [(u) => heat(u, w.series, edge, most)] },
    },
    [middle, p50_us, p99_us],
  );
  const target = w.rate.target;
  // What ended after the phase has no time of its own in it.
  const perSecond = (values) => values.map((value, at) => value / (inside[at] || step_s));
  const ended = perSecond(ok.map((value, at) => value + failed[at]));
  const bars = uPlot.paths.bars({ size: [0.94] });
  plot(
    box,
    {
      height: 120,
      scales: {
        x: { time: false, range },
        y: { range: (u, min, max) => [0, Math.max(max, target ?? 0, 1) * 1.15] },
      },
      axes: [
        seconds(),
        axis({
          size: narrow() ? 54 : 62,
          splits: (u, at, min, max) => [0, tidy(max / 2), tidy(max / 2) * 2],
          values: (u, values) => values.map((v) => `${count(v)} /s`),
        }),
      ],
      series: [
        { label: 'second', value: second },
        {
          label: 'all ended',
          stroke: css('accent-mid'),
          fill: css('accent-mid'),
          width: 0,
          paths: bars,
          points: { show: false },
          value: liveRate,
        },
        {
          label: 'all ended, column partly outside',
          stroke: css('accent-mid'),
          fill: css('accent-soft'),
          width: 1,
          paths: bars,
          points: { show: false },
          value: liveRate,
        },
        {
          label: 'failed',
          stroke: css('bad'),
          fill: css('bad'),
          width: 0,
          paths: bars,
          points: { show: false },
          value: liveRate,
        },
        ...(target
          ? [
              {
                label: 'planned',
                stroke: css('soft'),
                dash: [4, 3],
                width: 1,
                points: { show: false },
                value: liveRate,
              },
            ]
          : []),
      ],
      cursor: { sync, y: false, points: { show: false } },
    },
    [
      middle,
      ended.map((rate, at) => (isPart[at] ? null : rate)),
      ended.map((rate, at) => (isPart[at] ? rate : null)),
      perSecond(failed).map((value) => value || null),
      ...(target ? [middle.map(() => target)] : []),
    ],
  );
  return buckets.length + sum(failed);
}
// Areas are drawn from the top down, each from its upper edge to 0, so that a lower one covers
// the rest.
function drawMachine(box, m) {
  const kinds = [
    ['client', m.client, 'accent'],
    ['Milvus', m.milvus, 'accent-mid'],
    ['Jaeger', m.jaeger, 'accent-soft'],
    ['other programs', m.others, 'bad'],
    ['steal', m.steal, 'doubtful'],
  ];
  const shown = kinds.filter(([, values]) => values.some((value) => value > 0));
  const upTo = (kind) =>
    m.at_s.map((_, at) => sum(shown.slice(0, kind + 1).map(([, values]) => values[at])));
  // An interval is drawn from the end of the one before it, the first one from the phase's start.
  const fromStart = (values) => [values[0], ...values];
  const cores = (values) => (u, value, line, at) =>
    at > 0 && finite(values[at - 1]) ? `${number(values[at - 1])} cores` : '';
  const stepped = uPlot.paths.stepped({ align: -1 });
  const lines = shown
    .map(([label, values, color], kind) => ({
      line: {
        label,
        stroke: css(color),
        fill: css(color),
        width: 1,
        paths: stepped,
        points: { show: false },
        value: cores(values),
      },
      data: upTo(kind),
    }))
    .reverse();
  plot(
    box,
    {
      height: 180,
      scales: {
        x: { time: false, range: [0, m.at_s.at(-1)] },
        y: { range: [0, m.cores * 1.05] },
      },
      axes: [
        seconds(),
        axis({
          size: narrow() ? 54 : 62,
          values: (u, values) => values.map(tick),
        }),
      ],
      series: [
        { label: 'second', value: (u, x) => (x === null ? '' : `${number(x)} s`) },
        ...lines.map(({ line }) => line),
      ],
      cursor: { y: false, points: { show: false } },
    },
    [[0, ...m.at_s], ...lines.map(({ data }) => fromStart(data))],
  );
  return m.at_s.length * shown.length;
}
// The largest of 1, 2, 5 x a power of ten that is not above `value`.
function tidy(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return ([5, 2, 1].find((step) => step * power <= value) ?? 1) * power;
}
function heat(u, series, edge, most) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = css('accent');
  series.cells.forEach((column, at) => {
    const left = u.valToPos(series.start_s + at * series.step_s, 'x', true);
    const right = u.valToPos(series.start_s + (at + 1) * series.step_s, 'x', true);
    for (const [bucket, requests] of column) {
      const top = u.valToPos(edge(bucket + 1), 'y', true);
      const bottom = u.valToPos(edge(bucket), 'y', true);
      // Logarithmic: one slow request has to be seen beside hundreds of fast ones.
      ctx.globalAlpha = 0.14 + (0.76 * Math.log1p(requests)) / Math.log1p(most);
      ctx.fillRect(
        Math.round(left),
        Math.round(top),
        Math.max(1, Math.round(right) - Math.round(left)),
        Math.max(1, Math.round(bottom) - Math.round(top)),
      );
    }
  });
  ctx.restore();
}
