// ---- Flame graph ----

const ROW = 22;
// Paper can't scroll: a high one is lower there, so that it fits below what stands above it.
const rowOf = (depth) => (isPrinting() ? Math.min(ROW, Math.floor(440 / (depth + 1))) : ROW);
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
    height: (depth + 1) * rowOf(depth),
    role: 'group',
    'aria-label': 'Flame graph of the critical path',
  });
  const zoom = (on) => {
    drawFrames(chart, { on, largest, zoom, high: rowOf(depth) });
    fit(chart);
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
function drawFrames(chart, { on, largest, zoom, high }) {
  const groups = new Map();
  const ancestors = [];
  for (let up = on.parent; up; up = up.parent) ancestors.unshift(up);
  const put = (node, x, width) => {
    if (width < 0.0008) return;
    const fillColor = flameColor(node, largest);
    const [tail, body] = node.total;
    const text =
      `${joined(node.area && `${node.area}:`, node.service, node.label)}\n` +
      `${duration(tail)} in the tail, ${duration(body)} in the faster half\n` +
      `own time ${duration(node.own[0])} and ${duration(node.own[1])}`;
    const group = s(
      'g',
      { tabindex: '-1', role: 'img', 'aria-label': text, tip: text, 'data-mark': '1' },
      s(
        'svg',
        { x: percent(x), width: percent(width), y: node.depth * high, height: high },
        s('rect', { width: '100%', height: high, fill: fillColor }),
        s('text', {
          x: 5,
          y: Math.round(high * 0.7),
          style: { fontSize: `${Math.min(12, high * 0.6)}px` },
          class: inkOn(fillColor),
          'pointer-events': 'none',
          'data-whole': `${inArea(node.area, node.label)}  ${duration(tail)}`,
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
