// ---- uPlot ----

const plots = [];
function plot(box, options, series) {
  const width = () => Math.max(120, box.clientWidth);
  const made = new uPlot({ width: width(), ...options }, series, box);
  made.root.querySelectorAll('.u-series').forEach((entry, at) => {
    if (at > 0) entry.querySelector('.u-marker').replaceWith(lineSwatch(options.series[at]));
  });
  // Not within the observer: a new size is a change of its own.
  const follow = () => {
    if (made.width !== width()) made.setSize({ width: width(), height: options.height });
  };
  const observer = new ResizeObserver(() => requestAnimationFrame(follow));
  observer.observe(box);
  plots.push({ made, observer });
  return made;
}
// A line as it is drawn, dashes and width as well; what is filled is a field.
function lineSwatch({ stroke, fill, dash = [], width = 2 }) {
  const mark = fill
    ? s('rect', { width: 12, height: 12, x: 8, fill, stroke, 'stroke-width': 1, rx: 2 })
    : s('line', {
        x2: 28,
        y1: 6,
        y2: 6,
        stroke,
        'stroke-width': width,
        'stroke-dasharray': dash.join(' '),
      });
  return s('svg', { class: 'line', width: 28, height: 12, 'aria-hidden': 'true' }, mark);
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
