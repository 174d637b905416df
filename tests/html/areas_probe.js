addEventListener('load', () =>
  setTimeout(() => {
    const look = (rect) => {
      const id = rect.getAttribute('fill').match(/^url\(#(.*)\)$/)?.[1];
      const color = id ? document.querySelector(`#${id} rect`) : rect;
      return {
        color: color.getAttribute('fill'),
        hatch: id ? document.querySelector(`#${id} path`).getAttribute('d') : null,
      };
    };
    const ink = (text) => text && shared.color(getComputedStyle(text).fill);
    parent.postMessage(
      JSON.stringify({
        bars: [...document.querySelectorAll('rect[data-area]')].map((rect) => ({
          area: rect.dataset.area,
          ink: ink(rect.nextSibling),
          ...look(rect),
        })),
        legends: [...document.querySelectorAll('.plot .legend span')].map((entry) => ({
          area: entry.textContent,
          meaning: entry.title,
          ...look(entry.querySelector('rect')),
        })),
      }),
      '*',
    );
  }, 500),
);
