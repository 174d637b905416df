// ---- Percentile curves ----

const NINES = [0, 50, 90, 99, 99.9, 99.99];
const KEYS = { p50: 50, p90: 90, p95: 95, p99: 99, 'p99.9': 99.9 };
const nines = (p) => -Math.log10(1 - p / 100);
const DASH = [[], [7, 4], [2, 3], [10, 4, 2, 4]];
// p50 is a whole line in the ink, p99 this one in orange, in every chart that has both.
const P99 = [6, 4];

// One line per entry: { label, points, quantiles, stroke, dash, width }.
function curvePlot(box, lines) {
  const places = [...new Set(lines.flatMap((line) => line.points.map(([p]) => p)))].sort(
    (a, b) => a - b,
  );
  const values = lines.map((line) => {
    const known = new Map(line.points);
    // A negative gap has no place on a logarithmic axis.
    return places.map((p) => {
      const value = known.get(p);
      return value > 0 ? value : null;
    });
  });
  const shown = values.flat().filter((value) => value !== null);
  if (shown.length === 0) return 0;
  const bounds = [
    ...shown,
    ...lines.flatMap((line) => intervals(line.quantiles).flatMap(([, low, high]) => [low, high])),
  ].filter((value) => value > 0);
  const range = logRange(Math.min(...bounds), Math.max(...bounds));
  plot(
    box,
    {
      height: narrow() ? 280 : isPrinting() ? 250 : 340,
      scales: {
        x: { time: false, range: [0, Math.max(nines(places.at(-1)), 1) * 1.01] },
        y: { distr: 3, range },
      },
      axes: [
        axis({
          size: 30,
          splits: NINES.map(nines),
          values: NINES.map((p) => (p > 0 ? `p${p}` : narrow() ? '' : 'min')),
        }),
        logY(),
      ],
      series: [
        {
          label: 'percentile',
          value: (u, x) =>
            x === null ? '' : `p${Number((100 - 100 * 10 ** -x).toPrecision(5))}`,
        },
        ...lines.map((line) => ({
          label: line.label,
          stroke: line.stroke,
          width: line.width ?? 2,
          dash: line.dash,
          spanGaps: true,
          points: { show: false },
          value: live,
        })),
      ],
      cursor: { y: false, points: { size: 6 } },
      hooks: { draw: [(u) => lines.forEach((line) => whiskers(u, line))] },
    },
    [places.map(nines), ...values],
  );
  if (lines.some((line) => intervals(line.quantiles).length > 0))
    box.append(
      h('p', { class: 'caption', text: 'Bars across a line, and brackets, are 95 % intervals.' }),
    );
  return shown.length;
}
// [percentile, low, high, value] of the quantiles that have an interval.
function intervals(quantiles) {
  return Object.entries(KEYS)
    .map(([key, p]) => [
      p,
      quantiles?.[key]?.low,
      quantiles?.[key]?.high,
      quantiles?.[key]?.value,
    ])
    .filter(([, low, high]) => finite(low) || finite(high));
}
// An interval that is open on one side has a bar at its end and none at the line, where it
// begins.
function whiskers(u, line) {
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = line.stroke;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const [p, low, high, value] of intervals(line.quantiles)) {
    const x = u.valToPos(nines(p), 'x', true);
    const [a, b] = [low, high].map((value) =>
      finite(value) ? u.valToPos(value, 'y', true) : null,
    );
    ctx.beginPath();
    for (const y of [a, b])
      if (y !== null) {
        ctx.moveTo(x - 5 * devicePixelRatio, y);
        ctx.lineTo(x + 5 * devicePixelRatio, y);
      }
    const middle = u.valToPos(value, 'y', true);
    ctx.moveTo(x, a ?? middle);
    ctx.lineTo(x, b ?? middle);
    ctx.stroke();
  }
  ctx.restore();
}

function drawCurves(box, w) {
  const { response_time, service_time, server_time, gap } = w.curves;
  const lines = [
    {
      label: 'response time',
      points: response_time,
      quantiles: w.response_time_us,
      stroke: css('accent'),
      width: 2.5,
    },
    {
      label: 'service time',
      points: service_time,
      quantiles: w.service_time_us,
      stroke: response_time ? css('ink') : css('accent'),
      dash: response_time ? [7, 4] : [],
      width: response_time ? 1.5 : 2.5,
    },
    {
      label: 'server',
      points: server_time,
      quantiles: w.server_time_us,
      stroke: color('engine'),
      width: 2,
    },
    {
      label: 'gap',
      points: gap,
      quantiles: w.gap_us,
      stroke: color('gap'),
      dash: [2, 3],
      width: 2,
    },
  ].filter((line) => line.points?.length);
  const marks = curvePlot(box, lines);
  const rows = [
    ['response time', w.response_time_us],
    ['send lag', w.send_lag_us],
    ['queue time', w.queue_time_us],
    ['service time', w.service_time_us],
    ['server, of the matched', w.server_time_us],
    ['gap, of the matched', w.gap_us],
    ...Object.entries(w.failed_time_us ?? {}).map(([code, quantiles]) => [
      `failed: ${code}`,
      quantiles,
    ]),
  ].filter(([, quantiles]) => quantiles);
  box.append(quantileTable(rows));
  return marks;
}
const estimate = (e) => {
  if (!e) return '-';
  const end = (value) => (finite(value) ? ms(value) : '…');
  const interval = finite(e.low) || finite(e.high) ? `[${end(e.low)}, ${end(e.high)}]` : '';
  return { text: `${e.at_least ? '≥ ' : ''}${ms(e.value)}`, note: interval };
};
function quantileTable(rows) {
  // A phone shows two of them beside the names: those that are asked for most.
  const keys = narrow()
    ? ['p50', 'p99', 'mean', 'p90', 'p95', 'p99.9', 'max']
    : ['mean', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max'];
  return table(
    'Percentiles',
    ['ms', ...keys],
    rows.map(([name, quantiles]) => ({
      cells: [name, ...keys.map((key) => estimate(quantiles[key]))],
    })),
  );
}
