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
