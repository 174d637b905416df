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
      name === 'sampled' ? 'traced' : name.replaceAll('_', ' '),
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
