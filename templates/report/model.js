// ---- Words of the model, and tables ----

const place = (w) =>
  w.stage ? `${w.phase}/${w.stage}/${w.workload}` : `${w.phase}/${w.workload}`;
const latency = (w) => w.response_time_us ?? w.service_time_us;
const latencyCurve = (w) => w.curves.response_time ?? w.curves.service_time ?? [];
const sum = (values) => values.reduce((total, value) => total + value, 0);
function shortPart(part) {
  const method = /^([\w.]+\.)(\w+\/.*)$/.exec(part);
  return method ? method[2] : part;
}
// A name of a span never stands without its area: a reader knows `engine`, not `SegCoreSearch`.
const inArea = (area, part) =>
  !area || area === part ? shortPart(part) : `${area} · ${shortPart(part)}`;
// Of a Milvus that is one process the service says nothing.
const service = (row) => (row.service === 'standalone' ? '' : row.service);
const partTitle = (row) => joined(service(row), shortPart(row.part));
const partKey = (row) => [row.area, row.service ?? '', row.part].join('\u0000');
function bandName(band) {
  const [low, high] = band.split('-');
  if (high === undefined) return 'all requests';
  if (low === '0') return `fastest to p${high}`;
  return high === '100' ? `above p${low}` : `p${low} to p${high}`;
}

// A cell is a text, or { text, cls, note, href }; the first of a row is its heading.
function table(label, head, rows) {
  const cells = (row, tag) =>
    row.cells.map((cell, at) => {
      const { text = cell, cls, note, href } = cell && typeof cell === 'object' ? cell : {};
      const words = [
        href ? h('a', { href, text }) : text,
        ...(note ? [' ', h('small', { text: note })] : []),
      ];
      return at === 0 || tag === 'th'
        ? h('th', { scope: at === 0 && tag !== 'th' ? 'row' : 'col' }, ...words)
        : h('td', { class: cls }, ...words);
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
