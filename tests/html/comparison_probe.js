addEventListener('load', () =>
  setTimeout(() => {
    const { all, color, variables } = shared;
    const box = (element) => {
      const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
      return { left, right, top, bottom, width, height };
    };
    const inside = (mark) => {
      const [inner, outer] = [box(mark), box(mark.ownerSVGElement)];
      return (
        inner.left >= outer.left - 5 &&
        inner.right <= outer.right + 5 &&
        inner.top >= outer.top - 5 &&
        inner.bottom <= outer.bottom + 5
      );
    };
    const marks = (selector, of) =>
      all(selector).map((mark) => ({
        ...box(mark),
        inside: inside(mark),
        color: color(getComputedStyle(mark)[of]),
      }));
    parent.postMessage(
      JSON.stringify({
        width: innerWidth,
        scroll: document.documentElement.scrollWidth,
        scripts: document.scripts.length,
        images: document.images.length,
        errors: document.documentElement.dataset.errors ?? '',
        paper: color(getComputedStyle(document.body).backgroundColor),
        sections: all('.workload').length,
        headings: all('h2').map((heading) => heading.textContent),
        rows: all('td.axis').length,
        sideways: all('.scroll').filter((region) => region.scrollWidth > region.clientWidth).length,
        out_of_reach: all('.scroll').filter((region) => region.tabIndex !== 0).length,
        cut: all('.curves text')
          .filter((label) => box(label).left < 0 || box(label).right > innerWidth)
          .map((label) => label.textContent),
        labels: all('.curves text').length,
        titles: all('polyline title').map((title) => title.textContent),
        baseline: marks('polyline.baseline', 'stroke'),
        run: marks('polyline.run', 'stroke'),
        ratios: marks('.axis .at', 'fill'),
        intervals: marks('.axis .interval', 'stroke'),
        before: marks('.bars rect.baseline', 'fill'),
        after: marks('.bars rect.run', 'fill'),
        border: color(getComputedStyle(document.querySelector('.verdict')).borderLeftColor),
        title: document.title,
        result: document.getElementById('result').textContent.trim(),
        colors: variables('good', 'doubtful', 'bad', 'soft', 'accent'),
        figures: all('table.ratios tbody tr').map((tr) => ({
          name: tr.querySelector('th').textContent,
          result: tr.querySelector('td.result').textContent,
          color: color(getComputedStyle(tr.querySelector('td.result')).color),
          at: color(getComputedStyle(tr.querySelector('.at')).fill),
        })),
        text: document.body.textContent,
      }),
      '*',
    );
  }, 200),
);
