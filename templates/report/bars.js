// ---- Bars of the latency breakdown ----

// A bar of parts, `scale` microseconds long in full width.
function stackedBar(parts, scale, label) {
  const bar = s('svg', { height: 26, role: 'img', 'aria-label': label });
  const whole = sum(parts.map((part) => Math.max(part.mean_us, 0)));
  // An area of several parts is named on the largest.
  const named = new Map();
  for (const part of parts)
    if (!(named.get(part.area)?.mean_us >= part.mean_us)) named.set(part.area, part);
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
    if (named.get(part.area) === part)
      piece.append(
        s('text', {
          x: 5,
          y: 17,
          class: `on-bar ${inkOn(color(part.area))}`,
          stroke: color(part.area),
          'pointer-events': 'none',
          'data-whole': part.area,
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
  const draw = (absolute) => {
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
    fit(bars);
  };
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
      `${joined(part.area && `${part.area}:`, part.service, part.part)}\n` +
      `${signed(part.difference_us, duration)}, ${share(part.share)} of the difference`;
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
    const note = part.area && part.area !== part.part ? shortPart(part.part) : '';
    const bracket =
      finite(part.share_low) && finite(part.share_high)
        ? ` [${(part.share_low * 100).toFixed(0)}, ${(part.share_high * 100).toFixed(0)}]`
        : '';
    const more = signed(part.difference_us, duration);
    return h(
      'div',
      { class: 'bar' },
      h(
        'span',
        { class: 'name', title: text },
        part.area ? swatch(part.area) : '',
        part.area || part.part,
        note ? h('small', { text: note }) : '',
      ),
      bar,
      h('span', { class: 'value', text: `${share(part.share)}${bracket}, ${more}` }),
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
