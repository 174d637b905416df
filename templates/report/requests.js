// ---- Single requests ----

function drawExemplars(box, w) {
  w.exemplars.forEach((exemplar, at) => {
    const largest = exemplar.largest_part.replace(/^standalone /, '');
    const title = exemplar.label === 'slowest' ? 'slowest' : `near ${exemplar.label}`;
    const line = h(
      'summary',
      {},
      h('strong', { text: title }),
      h('span', { text: duration(exemplar.latency_us) }),
      h('span', {
        class: 'largest',
        text:
          `mostly ${inArea(exemplar.largest_area, largest)}, ` +
          duration(exemplar.largest_part_us),
      }),
      h('code', { text: exemplar.trace_id }),
    );
    const request = h('details', { class: 'request' }, line);
    if (at === 0) request.open = true;
    if (exemplar.link && /^https?:/.test(exemplar.link))
      request.append(
        h(
          'p',
          { class: 'caption' },
          h('a', {
            href: exemplar.link,
            rel: 'noreferrer',
            text: 'Open this trace in the trace back end',
          }),
        ),
      );
    if (exemplar.waterfall) request.append(waterfall(exemplar.waterfall));
    const left = exemplar.waterfall?.rows_left_out ?? 0;
    const rest =
      left > 0 ? `; ${count(left)} spans with little time of their own are left out` : '';
    request.append(
      h('p', {
        class: 'caption',
        text: `Request ${count(exemplar.seq)} of the workload, trace ${exemplar.trace_id}${rest}`,
      }),
    );
    box.append(request);
  });
  return box.querySelectorAll('details').length;
}
function waterfall(shown) {
  const rows = [...shown.rows];
  const lag = shown.send_lag_us ?? 0;
  if (lag > 0)
    rows.unshift({
      depth: 0,
      label: 'send lag',
      service: 'milvus-bench',
      area: 'send lag',
      start_us: -lag,
      duration_us: lag,
      self_us: lag,
      critical: [[-lag, 0]],
    });
  const start = -lag;
  // What is left running behind the request would squeeze the request itself.
  const span = shown.service_time_us + lag;
  const at = (us) => Math.min(1, Math.max(0, (us - start) / span));
  const head = h(
    'div',
    { class: 'row head' },
    h('span', { text: `0 to ${duration(span)}` }),
    h('span', { text: 'area' }),
    h('span', {}),
    h('span', { class: 'value', text: 'self time' }),
  );
  return h(
    'div',
    { class: 'waterfall' },
    legend(new Set(rows.map((row) => row.area))),
    head,
    ...rows.map((row) => {
      const where = joined(row.service, row.instance);
      const aside = report.aside.includes(row.area);
      const text =
        `${row.label}\n${where}, ${row.area}\n` +
        `${duration(row.duration_us)}, of it ${duration(row.self_us)} on the critical path\n` +
        `begins ${duration(row.start_us)} after sending`;
      const [pale, fill] = aside
        ? [css('line'), css('line')]
        : [color(row.area), fillOf(row.area)];
      const bar = s(
        'svg',
        { height: 22, role: 'img', 'aria-label': text, tip: text },
        s('rect', { width: '100%', height: 22, fill: 'transparent' }),
        s('rect', {
          x: percent(at(row.start_us)),
          width: percent(Math.max(0.0015, at(row.start_us + row.duration_us) - at(row.start_us))),
          y: 4,
          height: 14,
          fill: pale,
          'fill-opacity': 0.28,
          stroke: pale,
          'data-mark': '1',
        }),
        ...row.critical.map(([a, b]) =>
          s('rect', {
            x: percent(at(a)),
            width: percent(Math.max(0.0015, at(b) - at(a))),
            y: 4,
            height: 14,
            fill,
          }),
        ),
      );
      return h(
        'div',
        { class: 'row' },
        h('span', {
          class: 'name',
          title: `${row.label} ${where}`,
          style: { paddingLeft: `${Math.min(row.depth, 12) * 10}px` },
          text: shortPart(row.label),
        }),
        h('span', { class: 'of', text: row.area }),
        bar,
        h('span', { class: 'value', text: row.self_us > 0 ? duration(row.self_us) : '' }),
      );
    }),
  );
}
