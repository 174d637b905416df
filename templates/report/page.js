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
  sweep: drawSweep,
};
const DATA = { machine: report.machine, sweep: report.sweeps };
const fitting = new ResizeObserver((entries) =>
  requestAnimationFrame(() => entries.forEach(({ target }) => fit(target))),
);
function drawAll() {
  drawPatterns();
  fitting.disconnect();
  plots.splice(0).forEach(({ made, observer }) => {
    observer.disconnect();
    made.destroy();
  });
  for (const figure of document.querySelectorAll('figure[data-chart]')) {
    const { chart, at } = figure.dataset;
    const box = figure.querySelector('.plot');
    box.replaceChildren();
    try {
      figure.dataset.drawn = CHARTS[chart](box, (DATA[chart] ?? report.workloads)[at]);
      fit(box);
      fitting.observe(box);
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
// Tables and axes of a phone are others.
matchMedia('(max-width: 640px)').addEventListener('change', paint);

// ---- Contents ----

// Unfolded where they stand beside the report, folded where they stand above it.
const contents = document.getElementById('contents');
const beside = matchMedia('(min-width: 1180px)');
function unfold() {
  contents.open = beside.matches;
}
beside.addEventListener('change', unfold);
unfold();
contents.addEventListener('click', ({ target }) => {
  if (!beside.matches && target.closest('a')) contents.open = false;
});
// The entry of what is being read, and of the section that it is in, is marked.
const entries = [...contents.querySelectorAll('a')]
  .map((link) => ({ link, to: document.getElementById(link.hash.slice(1)) }))
  .filter(({ to }) => to !== null);
function follow() {
  const passed = entries.filter(({ to }) => to.getBoundingClientRect().top < 120);
  const { link } = passed.at(-1) ?? entries[0];
  for (const item of contents.querySelectorAll('li'))
    item.classList.toggle('current', item.contains(link));
  for (const { link: other } of entries)
    if (other === link) other.setAttribute('aria-current', 'true');
    else other.removeAttribute('aria-current');
}
let due = 0;
addEventListener(
  'scroll',
  () => {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(follow);
  },
  { passive: true },
);
follow();

// ---- Paper ----

// It is white and as wide as A4, whatever the window is; tables that can't be scrolled there are
// made to fit.
let before;
const isPrinting = () => root.classList.contains('printing');
let folded = [];
addEventListener('beforeprint', () => {
  before = root.dataset.theme;
  root.dataset.theme = 'light';
  root.classList.add('printing');
  drawAll();
  folded = [...document.querySelectorAll('.verdict details:not([open])')];
  for (const details of folded) details.open = true;
  for (const region of document.querySelectorAll('.scroll')) {
    const share = region.clientWidth / region.scrollWidth;
    if (share < 1) region.firstElementChild.style.zoom = Math.floor(share * 100) / 100;
  }
});
addEventListener('afterprint', () => {
  root.classList.remove('printing');
  if (before) root.dataset.theme = before;
  else delete root.dataset.theme;
  for (const details of folded) details.open = false;
  for (const region of document.querySelectorAll('.scroll'))
    region.firstElementChild.style.zoom = '';
  paint();
});
paint();
root.dataset.ready = String(document.querySelectorAll('figure[data-chart]').length);
