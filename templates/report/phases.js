// ---- Phase beside phase ----

const siblings = (name) =>
  report.workloads.filter((w) => w.workload === name && w.phase !== 'prepare' && latency(w));
// What tells one from the others.
function where(w) {
  const isOnePhase = siblings(w.workload).every((other) => other.phase === w.phase);
  return isOnePhase ? (w.stage ?? w.phase) : joined(w.phase, w.stage && `/ ${w.stage}`);
}
function drawOverlay(box, { workload: name }) {
  const strokes = [
    css('ink'),
    css('accent'),
    color('engine'),
    color('send lag'),
    color('proxy queue'),
    color('node queue'),
  ];
  return curvePlot(
    box,
    siblings(name).map((w, at) => ({
      label: where(w),
      points: latencyCurve(w),
      quantiles: latency(w),
      stroke: strokes[at % strokes.length],
      // Told apart without colours as well.
      dash: DASH[at % DASH.length],
    })),
  );
}
function drawPhases(box, { workload: name }) {
  const all = siblings(name);
  const explained = all.filter((w) => w.account.length > 0);
  const bars = explained.flatMap((w) =>
    [w.account[0], ...(w.account.length > 2 ? [w.account.at(-1)] : [])].map((band) => ({
      w,
      band,
    })),
  );
  const size = (band) => sum(band.parts.map((part) => Math.max(part.mean_us, 0)));
  const draw = (rows) => {
    const scale = Math.max(...rows.map(({ band }) => size(band)));
    return rows.map(({ w, band }) =>
      barRow(where(w), bandName(band.band), band.parts, scale, duration(band.mean_us)),
    );
  };
  const groups = [false, true]
    .map((slow) => bars.filter(({ band }) => (band.band !== 'all') === slow))
    .filter((rows) => rows.length > 0);
  if (groups.length > 0) {
    box.append(
      legend(areasOf(bars.map(({ band }) => band))),
      h(
        'div',
        { class: 'bars' },
        ...groups.flatMap((rows, at) => [...(at > 0 ? [h('hr')] : []), ...draw(rows)]),
      ),
    );
  }
  box.append(phaseTable(all, explained));
  return marksIn(box) + all.length;
}
function phaseTable(all, explained) {
  const change = (values) => {
    const [first, last] = [values[0], values.at(-1)];
    if (!finite(first) || !finite(last)) return '-';
    const by = last - first;
    return {
      text: signed(by, ms),
      cls: Math.abs(by) < 1 ? '' : by > 0 ? 'grew' : 'shrank',
    };
  };
  const quantiles = ['p50', 'p90', 'p99', 'p99.9', 'mean'].map((key) => {
    const values = all.map((w) => latency(w)[key]?.value);
    return { cells: [key, ...values.map(ms), change(values)] };
  });
  const mean = (w, area) =>
    w.account.length
      ? sum(w.account[0].parts.filter((part) => part.area === area).map((part) => part.mean_us))
      : NaN;
  const areas =
    explained.length < 2
      ? []
      : ORDER.map((area) => ({ area, values: all.map((w) => mean(w, area)) })).filter(
          ({ values }) => values.some((value) => value > 0),
        );
  areas.sort(
    (a, b) => Math.abs(b.values.at(-1) - b.values[0]) - Math.abs(a.values.at(-1) - a.values[0]),
  );
  const rows = [
    ...quantiles.map((row) => ({ ...row, cls: 'area' })),
    ...areas.map(({ area, values }) => ({
      cells: [area, ...values.map(ms), change(values)],
      area,
    })),
  ];
  const made = table(
    'Phases',
    ['ms', ...all.map(where), all.length > 2 ? 'last minus first' : 'difference'],
    rows,
  );
  mark(made, rows);
  return made;
}
