addEventListener('load', () => {
  const ink = (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let pixels = 0;
    for (let at = 3; at < data.length; at += 4) pixels += data[at] > 0 ? 1 : 0;
    return pixels;
  };
  const chart = (figure) => ({
    chart: figure.dataset.chart,
    drawn: Number(figure.dataset.drawn),
    height: figure.querySelector('.plot').getBoundingClientRect().height,
    ink: [...figure.querySelectorAll('canvas')].map(ink),
  });
  const paper = () => shared.color(getComputedStyle(document.body).backgroundColor);
  setTimeout(() => {
    const found = {
      errors: document.documentElement.dataset.errors ?? '',
      ready: document.documentElement.dataset.ready,
      width: innerWidth,
      scroll: document.documentElement.scrollWidth,
      charts: [...document.querySelectorAll('figure[data-chart]')].map(chart),
      scripts: document.scripts.length,
      images: document.images.length,
      paper: paper(),
    };
    document.getElementById('theme').click();
    found.other = paper();
    found.after = document.documentElement.dataset.errors ?? '';
    const frame = document.querySelector(".flame g[tabindex='0']");
    frame.focus();
    frame.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
    found.focus = document.activeElement.getAttribute('aria-label') ?? '';
    parent.postMessage(JSON.stringify(found), '*');
  }, 500);
});
