// Draws the report's charts from the JSON in the page. Text from outside is only ever set as
// textContent.
'use strict';
(() => {
  const root = document.documentElement;
  const failures = [];
  // A chart that can't be drawn must not pass for one that is empty.
  const fail = (text) => {
    failures.push(text);
    root.dataset.errors = failures.join('\n');
    const note = h('p', { class: 'status', text: `This page could not draw everything: ${text}` });
    document.getElementById('main').prepend(note);
  };
  addEventListener('error', (event) => fail(event.message));
  addEventListener('unhandledrejection', (event) => fail(String(event.reason)));
  addEventListener('securitypolicyviolation', (event) =>
    fail(`blocked: ${event.violatedDirective}`),
  );

  const report = JSON.parse(document.getElementById('data').textContent);
  const narrow = () => innerWidth <= 640;

  // ---- Elements ----

  const SVG = 'http://www.w3.org/2000/svg';
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null) continue;
      if (name === 'text') element.textContent = value;
      else if (name === 'style') Object.assign(element.style, value);
      else if (name === 'tip') hint(element, value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  function h(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }
  function s(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
  }
  const percent = (share) => `${(share * 100).toFixed(3)}%`;

  const tip = document.getElementById('tip');
  function hint(element, text) {
    element.addEventListener('pointermove', (event) => showTip(text, event.clientX, event.clientY));
    element.addEventListener('pointerleave', hideTip);
    element.addEventListener('focus', () => {
      const box = element.getBoundingClientRect();
      showTip(text, Math.max(box.left, 0), box.bottom);
    });
    element.addEventListener('blur', hideTip);
  }
  function showTip(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - box.width - 8))}px`;
    tip.style.top = `${y + 16 + box.height > innerHeight ? y - box.height - 10 : y + 16}px`;
  }
  function hideTip() {
    tip.hidden = true;
  }

  // ---- Numbers: three significant digits, a fitting unit ----

  const joined = (...parts) => parts.filter(Boolean).join(' ');
  const finite = (value) => typeof value === 'number' && Number.isFinite(value);
  function number(value) {
    if (!finite(value)) return '-';
    const size = Math.abs(value);
    const decimals = size < 0.9995 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    const text = value.toFixed(decimals);
    const digits = Number(text) === 0 ? text.replace('-', '') : text;
    return digits.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','));
  }
  function duration(us) {
    if (!finite(us)) return '-';
    const size = Math.abs(us);
    if (size < 999.5) return `${number(us)} µs`;
    return size < 999500 ? `${number(us / 1e3)} ms` : `${number(us / 1e6)} s`;
  }
  const ms = (us) => number(us / 1e3);
  function short(us) {
    if (us >= 1e6) return `${us / 1e6} s`;
    return us >= 1e3 ? `${us / 1e3} ms` : `${us} µs`;
  }
  function share(value) {
    if (!finite(value)) return '-';
    const size = Math.abs(value * 100);
    if (size > 0 && size < 0.05) return '<0.1 %';
    return `${(value * 100).toFixed(size < 9.95 && size > 0 ? 1 : 0)} %`.replace('-', '−');
  }
  const count = (value) => value.toString().replace(/\B(?=(\d{3})+$)/g, ',');

  // ---- Colours ----

  // One look per area in every chart, in the order of a request's way; the last one, `other`, for
  // what is unknown.
  const AREAS = new Map(report.areas.map((area) => [area.name, area]));
  const ORDER = [...AREAS.keys()];
  const look = (area) => AREAS.get(area) ?? report.areas.at(-1);
  const color = (area) => look(area)[isDark() ? 'dark' : 'light'];
  // Grey is told apart by lines in the colour of the paper; one pattern per area that has them, for
  // all charts.
  const patterns = s('svg', { class: 'patterns', 'aria-hidden': 'true' });
  document.body.append(patterns);
  const patternId = (area) => `area-${ORDER.indexOf(look(area).name)}`;
  function drawPatterns() {
    patterns.replaceChildren(
      ...report.areas
        .filter(({ hatch }) => hatch)
        .map(({ name, hatch }) =>
          s(
            'pattern',
            { id: patternId(name), width: 8, height: 8, patternUnits: 'userSpaceOnUse' },
            s('rect', { width: 8, height: 8, fill: color(name) }),
            s('path', { d: hatch, stroke: css('paper'), 'stroke-width': 1.5 }),
          ),
        ),
    );
  }
  const fillOf = (area) => (look(area).hatch ? `url(#${patternId(area)})` : color(area));
  // Black or white, whichever has more contrast (WCAG's relative luminance): one of them has 4.5 to
  // every colour.
  function isLight(hex) {
    const [r, g, b] = [1, 3, 5]
      .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179;
  }
  const inkOn = (hex) => (isLight(hex) ? 'dark-ink' : 'light-ink');
  const probe = h('span', { hidden: '' });
  document.body.append(probe);
  // A canvas does not know the page's variables: the browser resolves them on an element.
  function css(name) {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  }
  function legend(areas) {
    const known = ORDER.filter((area) => areas.has(area));
    return h(
      'div',
      { class: 'legend' },
      ...known.map((area) => h('span', { title: look(area).meaning }, swatch(area), area)),
    );
  }
  const swatch = (area) =>
    s(
      'svg',
      { class: 'swatch', 'aria-hidden': 'true' },
      s('rect', { width: '100%', height: '100%', fill: fillOf(area) }),
    );

  // ---- Parts of the model ----

  const place = (w) =>
    w.stage ? `${w.phase}/${w.stage}/${w.workload}` : `${w.phase}/${w.workload}`;
  const latency = (w) => w.response_time_us ?? w.service_time_us;
  const latencyCurve = (w) => w.curves.response_time ?? w.curves.service_time ?? [];
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  function shortPart(part) {
    const method = /^([\w.]+\.)(\w+\/.*)$/.exec(part);
    return method ? method[2] : part;
  }
  const partName = (row) => (row.part === row.area ? row.part : shortPart(row.part));
  const partTitle = (row) => joined(row.service, shortPart(row.part));
  const partKey = (row) => [row.area, row.service ?? '', row.part].join('\u0000');
  function bandName(band) {
    const [low, high] = band.split('-');
    if (high === undefined) return 'all requests';
    if (low === '0') return `fastest to p${high}`;
    return high === '100' ? `above p${low}` : `p${low} to p${high}`;
  }

  function table(label, head, rows) {
    const cells = (row, tag) =>
      row.cells.map((cell, at) => {
        const { text = cell, cls } = cell && typeof cell === 'object' ? cell : {};
        return at === 0 || tag === 'th'
          ? h('th', { scope: at === 0 && tag !== 'th' ? 'row' : 'col', text })
          : h('td', { text, class: cls });
      });
    return h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
      h(
        'table',
        {},
        h('thead', {}, h('tr', {}, ...cells({ cells: head }, 'th'))),
        h('tbody', {}, ...rows.map((row) => h('tr', { class: row.cls }, ...cells(row, 'td')))),
      ),
    );
  }

  // ---- uPlot ----

  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
  const plots = [];
  function plot(box, options, series) {
    const width = () => Math.max(240, box.clientWidth);
    const made = new uPlot({ width: width(), ...options }, series, box);
    const observer = new ResizeObserver(() =>
      made.setSize({ width: width(), height: options.height }),
    );
    observer.observe(box);
    plots.push({ made, observer });
    return made;
  }
  const axis = (more) => ({
    stroke: css('soft'),
    font: FONT,
    grid: { stroke: css('grid'), width: 1 },
    ticks: { stroke: css('grid'), width: 1, size: 4 },
    ...more,
  });
  // Lines on 1, 2 and 5 of a decade, on fewer where many decades are shown.
  function logSplits(u, at, min, max) {
    const decades = Math.log10(max / min);
    const leads = decades > 3 ? [1] : decades > 1.6 ? [1, 3] : [1, 2, 5];
    const first = Math.floor(Math.log10(min));
    const all = Array.from({ length: Math.ceil(decades) + 2 }, (_, by) =>
      leads.map((lead) => Number((lead * 10 ** (first + by)).toPrecision(3))),
    ).flat();
    return all.filter((value) => value >= min && value <= max);
  }
  const logY = () =>
    axis({
      scale: 'y',
      size: narrow() ? 54 : 62,
      splits: logSplits,
      filter: (u, values) => values,
      values: (u, values) => values.map(short),
    });
  const seconds = () => axis({ size: 30, values: (u, values) => values.map((v) => `${v} s`) });
  // Whole decades would leave half of most charts empty: the axis ends just beyond the values.
  function logRange(low, high) {
    return [low * 0.8, Math.max(high * 1.25, low * 2)];
  }

  const live = (u, value) => (value === null ? '' : duration(value));
  const liveRate = (u, value) => (value === null ? '' : `${number(value)} /s`);

  // ---- Percentile curves ----

  const NINES = [0, 50, 90, 99, 99.9, 99.99];
  const KEYS = { p50: 50, p90: 90, p95: 95, p99: 99, 'p99.9': 99.9 };
  const nines = (p) => -Math.log10(1 - p / 100);
  const DASH = [[], [7, 4], [2, 3], [10, 4, 2, 4]];

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
        height: narrow() ? 280 : 340,
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
        label: response_time ? 'service time (dashed)' : 'service time',
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
      { label: 'gap', points: gap, quantiles: w.gap_us, stroke: color('gap'), width: 2 },
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
    const interval = finite(e.low) || finite(e.high) ? ` [${end(e.low)}, ${end(e.high)}]` : '';
    return `${e.at_least ? '≥ ' : ''}${ms(e.value)}${interval}`;
  };
  function quantileTable(rows) {
    const keys = ['mean', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max'];
    return table(
      'Percentiles',
      ['ms', ...keys],
      rows.map(([name, quantiles]) => ({
        cells: [name, ...keys.map((key) => estimate(quantiles[key]))],
      })),
    );
  }

  // ---- Bars of the latency breakdown ----

  // A bar of parts, `scale` microseconds long in full width; text only where it fits.
  function stackedBar(parts, scale, label) {
    const bar = s('svg', { height: 26, role: 'img', 'aria-label': label });
    const whole = sum(parts.map((part) => Math.max(part.mean_us, 0)));
    let at = 0;
    for (const part of parts) {
      const size = Math.max(part.mean_us, 0) / scale;
      if (size <= 0) continue;
      const name = part.part === part.area ? '' : `: ${joined(part.service, part.part)}`;
      const time = `${duration(part.mean_us)}, ${share(part.mean_us / whole)}`;
      const text = `${part.area}${name}\n${time}`;
      const piece = s(
        'svg',
        { x: percent(at), width: percent(size), height: 26 },
        s('rect', {
          width: '100%',
          height: 26,
          fill: fillOf(part.area),
          tip: text,
          stroke: css('paper'),
          'stroke-width': size > 0.006 ? 1 : 0,
          'data-mark': '1',
          'data-area': part.area,
        }),
      );
      // About 760 px for a whole bar; a phone gets fewer words.
      const room = size * (narrow() ? 340 : 760);
      if (room > part.area.length * 6.6 + 10)
        piece.append(
          s('text', {
            x: 5,
            y: 17,
            class: `on-bar ${inkOn(color(part.area))}`,
            stroke: color(part.area),
            'pointer-events': 'none',
            text: part.area,
          }),
        );
      bar.append(piece);
      at += size;
    }
    return bar;
  }
  const marksIn = (box) => box.querySelectorAll('[data-mark]').length;
  const areasOf = (bands) => new Set(bands.flatMap((band) => band.parts.map((part) => part.area)));
  function barRow(name, note, parts, scale, value) {
    return h(
      'div',
      { class: 'bar' },
      h('span', { class: 'name', title: name }, name, note ? h('small', { text: note }) : ''),
      stackedBar(parts, scale, `${name}: ${value}`),
      h('span', { class: 'value', text: value }),
    );
  }

  function drawAccount(box, w) {
    const bands = w.account;
    const longest = Math.max(
      ...bands.map((band) => sum(band.parts.map((part) => Math.max(part.mean_us, 0)))),
    );
    const bars = h('div', { class: 'bars' });
    const draw = (absolute) =>
      bars.replaceChildren(
        ...bands.map((band) => {
          const own = sum(band.parts.map((part) => Math.max(part.mean_us, 0)));
          return barRow(
            bandName(band.band),
            `${count(band.matched)} matched`,
            band.parts,
            absolute ? longest : own,
            duration(band.mean_us),
          );
        }),
      );
    box.append(
      choice(['Milliseconds', 'Shares'], (at) => draw(at === 0)),
      legend(areasOf(bands)),
      bars,
      accountTable(bands),
    );
    return marksIn(box);
  }
  // Buttons of which one is pressed.
  function choice(names, chosen) {
    const buttons = names.map((text, at) => h('button', { type: 'button', text }));
    const press = (at) => {
      buttons.forEach((button, other) => button.setAttribute('aria-pressed', String(other === at)));
      chosen(at);
    };
    buttons.forEach((button, at) => button.addEventListener('click', () => press(at)));
    press(0);
    return h('div', { class: 'tools' }, ...buttons);
  }
  // Areas with their parts below; an area of one part is one row.
  function accountTable(bands) {
    const whole = bands[0];
    const maps = bands.map(
      (band) => new Map(band.parts.map((part) => [partKey(part), part.mean_us])),
    );
    const parts = [
      ...new Map(bands.flatMap((band) => band.parts).map((part) => [partKey(part), part])).values(),
    ];
    const cells = (of) => [
      ...bands.map((band, at) => ms(of(maps[at]))),
      share(of(maps[0]) / whole.mean_us),
      share(of(maps.at(-1)) / bands.at(-1).mean_us),
    ];
    const rows = ORDER.flatMap((area) => {
      const own = parts.filter((part) => part.area === area);
      if (own.length === 0) return [];
      const total = (map) => sum(own.map((part) => map.get(partKey(part)) ?? 0));
      const head = { cls: 'area', cells: [area, ...cells(total)], area };
      if (own.length === 1)
        return [{ ...head, note: own[0].part === area ? '' : partTitle(own[0]) }];
      return [
        head,
        ...own.map((part) => ({
          cls: 'part',
          cells: [partTitle(part), ...cells((map) => map.get(partKey(part)) ?? 0)],
        })),
      ];
    });
    rows.push({
      cls: 'sum',
      cells: ['mean latency', ...bands.map((band) => ms(band.mean_us)), share(1), share(1)],
    });
    const made = table(
      'Latency breakdown',
      ['ms', ...bands.map((band) => bandName(band.band)), 'of all', 'of slowest'],
      rows,
    );
    mark(made, rows);
    return made;
  }
  // Colour before, name of the only part behind an area's name.
  function mark(made, rows) {
    made.querySelectorAll('tbody tr').forEach((tr, at) => {
      const { area, note } = rows[at];
      if (area) tr.firstChild.prepend(swatch(area));
      if (note) tr.firstChild.append(h('small', { text: note }));
    });
  }

  // ---- Tail attribution ----

  const TAIL_ROWS = 10;
  function drawTail(box, w) {
    const parts = w.tail.parts;
    const shown = parts.filter((part) => Math.abs(part.share) >= 0.005).slice(0, TAIL_ROWS);
    const rest = parts.filter((part) => !shown.includes(part));
    if (rest.length > 0)
      shown.push({
        area: '',
        part: `${rest.length} others`,
        share: sum(rest.map((part) => part.share)),
        difference_us: sum(rest.map((part) => part.difference_us)),
      });
    const ends = shown
      .flatMap((part) => [part.share, part.share_low, part.share_high])
      .filter(finite);
    const [low, high] = [Math.min(0, ...ends), Math.max(0.01, ...ends)];
    const at = (value) => (value - low) / (high - low);
    const rows = shown.map((part) => {
      const text =
        `${joined(part.service, part.part)}\n` +
        `${duration(part.difference_us)} more, ${share(part.share)} of the difference`;
      const bar = s(
        'svg',
        { height: 22, role: 'img', 'aria-label': text },
        s('rect', {
          x: percent(at(Math.min(part.share, 0))),
          width: percent(Math.abs(part.share) / (high - low)),
          y: 2,
          height: 18,
          fill: fillOf(part.area),
          tip: text,
          'data-mark': '1',
        }),
      );
      if (finite(part.share_low) && finite(part.share_high))
        interval(bar, at(part.share_low), at(part.share_high));
      const note = part.area && part.area !== part.part ? part.area : '';
      const bracket =
        finite(part.share_low) && finite(part.share_high)
          ? ` [${(part.share_low * 100).toFixed(0)}, ${(part.share_high * 100).toFixed(0)}]`
          : '';
      const sign = part.difference_us >= 0 ? '+' : '−';
      const more = duration(Math.abs(part.difference_us));
      return h(
        'div',
        { class: 'bar' },
        h(
          'span',
          { class: 'name', title: text },
          part.area ? swatch(part.area) : '',
          partName(part),
          note ? h('small', { text: note }) : '',
        ),
        bar,
        h('span', { class: 'value', text: `${share(part.share)}${bracket}, ${sign}${more}` }),
      );
    });
    box.append(h('div', { class: 'bars' }, ...rows));
    const many = crowded(w);
    if (many.length > 0) box.append(instanceTable(many));
    return marksIn(box);
  }
  function interval(bar, low, high) {
    // A rim of paper, since no ink is seen on every area.
    for (const line of [
      { stroke: css('paper'), 'stroke-width': 4 },
      { stroke: css('ink'), 'stroke-width': 1.5 },
    ]) {
      bar.append(s('line', { x1: percent(low), x2: percent(high), y1: 11, y2: 11, ...line }));
      for (const end of [low, high])
        bar.append(s('line', { x1: percent(end), x2: percent(end), y1: 6, y2: 16, ...line }));
    }
  }
  // Instances only say something where an area has several.
  function crowded(w) {
    const key = (row) => `${row.area}\u0000${row.service}`;
    const of = new Map();
    for (const row of w.instances) of.set(key(row), (of.get(key(row)) ?? 0) + 1);
    return w.instances.filter((row) => of.get(key(row)) > 1);
  }
  function instanceTable(rows) {
    return table(
      'By instance',
      ['ms by instance', 'area', 'all', 'tail', 'faster half'],
      rows.map((row) => ({
        cells: [
          `${row.service} ${row.instance || '(unknown)'}`,
          row.area,
          ms(row.mean_us),
          finite(row.tail_mean_us) ? ms(row.tail_mean_us) : '-',
          finite(row.body_mean_us) ? ms(row.body_mean_us) : '-',
        ],
      })),
    );
  }

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
        height: narrow() ? 240 : 280,
        scales: { x: { time: false, range }, y: { distr: 3, range: y } },
        axes: [seconds(), logY()],
        series: [
          { label: 'second', value: second },
          { label: 'p50', stroke: css('ink'), width: 1.5, points: { show: false }, value: live },
          {
            label: 'p99 (dashed)',
            stroke: css('ink'),
            width: 1.5,
            dash: [4, 3],
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
            label: 'all ended, in a part of a column',
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
            values: (u, values) => values.map((value) => `${number(value)}`),
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

  // ---- Flame graph ----

  const ROW = 22;
  function flameTree(stacks) {
    const top = { label: 'latency', area: '', own: [0, 0], total: [0, 0], children: [], depth: 0 };
    const nodes = stacks.frames.map((frame) => ({
      label: frame.label,
      service: frame.service,
      area: frame.area,
      own: [frame.tail_us, frame.body_us],
      total: [frame.tail_us, frame.body_us],
      children: [],
    }));
    // Parents stand before their children: sums go up from the back.
    for (let at = nodes.length - 1; at >= 0; at -= 1) {
      const parent = nodes[stacks.frames[at].parent] ?? top;
      nodes[at].parent = parent;
      parent.children.unshift(nodes[at]);
      for (const side of [0, 1]) parent.total[side] += nodes[at].total[side];
    }
    for (const node of nodes) node.depth = node.parent.depth + 1;
    const sorted = (node) => {
      node.children.sort((a, b) => b.total[0] - a.total[0]);
      node.children.forEach(sorted);
    };
    sorted(top);
    return top;
  }
  // Orange where own time grew, blue where it shrank; the stronger, the larger its part in the
  // largest change.
  function flameColor(node, largest) {
    const change = (node.own[0] - node.own[1]) / largest;
    const strength = Math.min(1, Math.abs(change)) ** 0.6;
    const [from, to] = [
      isDark() ? [62, 66, 73] : [228, 228, 222],
      change > 0 ? [230, 126, 34] : [86, 150, 230],
    ];
    return `#${from
      .map((v, i) =>
        Math.round(v + (to[i] - v) * strength)
          .toString(16)
          .padStart(2, '0'),
      )
      .join('')}`;
  }
  function drawFlame(box, w) {
    const top = flameTree(w.stacks);
    const every = (node) => [node, ...node.children.flatMap(every)];
    const nodes = every(top).filter((node) => node.total[0] > 0);
    const largest = Math.max(1e-9, ...nodes.map((node) => Math.abs(node.own[0] - node.own[1])));
    const depth = Math.max(...nodes.map((node) => node.depth));
    const chart = s('svg', {
      class: 'flame',
      height: (depth + 1) * ROW,
      role: 'group',
      'aria-label': 'Flame graph of the critical path',
    });
    const zoom = (on) => {
      drawFrames(chart, on, largest, zoom);
    };
    zoom(top);
    box.append(
      chart,
      h('p', {
        class: 'caption',
        text:
          `${count(w.stacks.tail_requests)} requests above ${w.stacks.above} against ` +
          `${count(w.stacks.body_requests)} of the faster half, mean of each.`,
      }),
    );
    return marksIn(box);
  }
  function drawFrames(chart, on, largest, zoom) {
    const groups = new Map();
    const ancestors = [];
    for (let up = on.parent; up; up = up.parent) ancestors.unshift(up);
    const put = (node, x, width) => {
      if (width < 0.0008) return;
      const fillColor = flameColor(node, largest);
      const [tail, body] = node.total;
      const text =
        `${joined(node.service, node.label)}${node.area ? ` (${node.area})` : ''}\n` +
        `${duration(tail)} in the tail, ${duration(body)} in the faster half\n` +
        `own time ${duration(node.own[0])} and ${duration(node.own[1])}`;
      const group = s(
        'g',
        { tabindex: '-1', role: 'img', 'aria-label': text, tip: text, 'data-mark': '1' },
        s(
          'svg',
          { x: percent(x), width: percent(width), y: node.depth * ROW, height: ROW },
          s('rect', { width: '100%', height: ROW, fill: fillColor }),
          s('text', {
            x: 5,
            y: 15,
            class: inkOn(fillColor),
            'pointer-events': 'none',
            text: `${shortPart(node.label)}  ${duration(tail)}`,
          }),
        ),
      );
      group.addEventListener('click', () => {
        zoom(node);
      });
      group.addEventListener('keydown', (event) => move(event, node, groups, zoom));
      groups.set(node, group);
      chart.append(group);
    };
    const below = (node, x, width) => {
      put(node, x, width);
      let at = x;
      for (const child of node.children) {
        const size = (width * child.total[0]) / Math.max(node.total[0], 1e-9);
        if (size > 0) below(child, at, size);
        at += Math.max(size, 0);
      }
    };
    chart.replaceChildren();
    ancestors.forEach((node) => put(node, 0, 1));
    below(on, 0, 1);
    groups.get(on)?.setAttribute('tabindex', '0');
  }
  function move(event, node, groups, zoom) {
    const chart = event.currentTarget.closest('.flame');
    const beside = (by) => {
      const row = node.parent?.children ?? [];
      return row[row.indexOf(node) + by];
    };
    const to = {
      ArrowUp: node.parent,
      ArrowDown: node.children[0],
      ArrowLeft: beside(-1),
      ArrowRight: beside(1),
    }[event.key];
    if (event.key === 'Enter' || event.key === ' ' || event.key === 'Escape') {
      let on = node;
      while (event.key === 'Escape' && on.parent) on = on.parent;
      zoom(on);
      event.preventDefault();
      // The frames were drawn anew, the focus goes along.
      chart.querySelector('g[tabindex="0"]')?.focus();
    } else if (event.key.startsWith('Arrow')) {
      event.preventDefault();
      groups.get(to)?.focus();
    }
  }

  // ---- Single requests ----

  function drawExemplars(box, w) {
    w.exemplars.forEach((exemplar, at) => {
      const title = exemplar.label === 'slowest' ? 'slowest' : `near ${exemplar.label}`;
      const line = h(
        'summary',
        {},
        h('strong', { text: title }),
        h('span', { text: duration(exemplar.latency_us) }),
        h('span', {
          class: 'largest',
          text: `mostly ${exemplar.largest_part}, ${duration(exemplar.largest_part_us)}`,
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
          bar,
          h('span', {
            class: 'value',
            text: aside ? row.area : row.self_us > 0 ? duration(row.self_us) : '',
          }),
        );
      }),
    );
  }

  // ---- Phase beside phase ----

  const siblings = (name) =>
    report.workloads.filter((w) => w.workload === name && w.phase !== 'prepare' && latency(w));
  const where = (w) => (w.stage ? `${w.phase}/${w.stage}` : w.phase);
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
        dash: DASH[Math.floor(at / strokes.length) % DASH.length],
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
        text: `${by >= 0 ? '+' : '−'}${ms(Math.abs(by))}`,
        cls: Math.abs(by) < 1 ? '' : by > 0 ? 'grew' : 'shrank',
      };
    };
    const quantiles = ['p50', 'p90', 'p99', 'p99.9', 'mean']
      .map((key) => all.map((w) => latency(w)[key]?.value))
      .map((values, at) => ({
        cells: [['p50', 'p90', 'p99', 'p99.9', 'mean'][at], ...values.map(ms), change(values)],
      }));
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

  // ---- The traces behind it ----

  const STATES = [
    'sampled',
    'matched',
    'incomplete',
    'no_root',
    'missing',
    'not_recorded',
    'not_fetched',
  ];
  function drawTraces(box, w) {
    const join = STATES.map((name) => [name, w.join[name]])
      .filter(([name, value]) => value > 0 || name === 'matched')
      .map(([name, value]) => [
        name.replaceAll('_', ' '),
        count(value) +
          (name === 'sampled' ? '' : ` (${share(value / Math.max(w.join.sampled, 1))})`),
      ]);
    const facts = w.traces
      ? Object.entries(w.traces)
          .filter(([, value]) =>
            typeof value === 'number'
              ? value !== 0
              : value !== null && Object.keys(value).length > 0,
          )
          .map(([name, value]) => [
            name.replaceAll('_', ' ').replace(/ us$/, ''),
            words(name, value),
          ])
      : [];
    box.append(
      h('dl', {}, ...join.map(row)),
      h(
        'details',
        {},
        h('summary', { text: 'What the traces showed' }),
        h('dl', {}, ...facts.map(row)),
      ),
    );
    return join.length;
  }
  const row = ([name, value]) => h('div', {}, h('dt', { text: name }), h('dd', { text: value }));
  function words(name, value) {
    if (Array.isArray(value)) return value.map(duration).join(', ');
    if (typeof value === 'object')
      return Object.entries(value)
        .map(([key, requests]) => `${key} ${count(requests)}`)
        .join(', ');
    return name.endsWith('_us') ? duration(value) : number(value).replace(/\.0+$/, '');
  }

  // ---- The page ----

  const CHARTS = {
    curves: drawCurves,
    account: drawAccount,
    tail: drawTail,
    series: drawSeries,
    flame: drawFlame,
    exemplars: drawExemplars,
    traces: drawTraces,
    overlay: drawOverlay,
    phases: drawPhases,
    machine: drawMachine,
  };
  function drawAll() {
    drawPatterns();
    plots.splice(0).forEach(({ made, observer }) => {
      observer.disconnect();
      made.destroy();
    });
    for (const figure of document.querySelectorAll('figure[data-chart]')) {
      const { chart, at } = figure.dataset;
      const box = figure.querySelector('.plot');
      box.replaceChildren();
      try {
        figure.dataset.drawn = CHARTS[chart](
          box,
          (chart === 'machine' ? report.machine : report.workloads)[at],
        );
      } catch (error) {
        figure.dataset.drawn = 0;
        fail(`${chart}: ${error.message}`);
      }
    }
  }
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? 'dark' : 'light')) === 'dark';
  const toggle = document.getElementById('theme');
  function paint() {
    toggle.textContent = isDark() ? 'Light' : 'Dark';
    toggle.setAttribute('aria-label', `Switch to ${isDark() ? 'light' : 'dark'} colours`);
    drawAll();
  }
  toggle.hidden = false;
  toggle.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    paint();
  });
  prefersDark.addEventListener('change', paint);
  // Paper is white, and shows what is folded on the screen.
  let before;
  addEventListener('beforeprint', () => {
    before = root.dataset.theme;
    root.dataset.theme = 'light';
    drawAll();
    document.querySelectorAll('details.request').forEach((details) => {
      details.open = true;
    });
  });
  addEventListener('afterprint', () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    paint();
  });
  paint();
  root.dataset.ready = String(document.querySelectorAll('figure[data-chart]').length);
})();
