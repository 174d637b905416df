// What a reader finds: contents, legends, words in marks, tables, the verdict.
addEventListener('load', () => {
  const { all, color, variables } = shared;
  const box = (element) => element.getBoundingClientRect();
  const frames = () => new Promise((done) => setTimeout(done, 300));
  const link = (a) => ({
    to: decodeURIComponent(a.hash.slice(1)),
    text: a.textContent,
    found: document.getElementById(decodeURIComponent(a.hash.slice(1))) !== null,
    seen: a.checkVisibility() && box(a).left >= 0 && box(a).right <= innerWidth,
  });
  const legend = (figure) => ({
    chart: figure.dataset.chart,
    lines: all('.u-series', figure)
      .slice(1)
      .map((entry) => {
        const mark = entry.querySelector('svg.line > *');
        return {
          label: entry.querySelector('.u-label').textContent,
          shape: mark?.tagName,
          dash: mark?.getAttribute('stroke-dasharray') ?? '',
          stroke: mark?.getAttribute('stroke'),
        };
      }),
  });
  const words = () =>
    all('text[data-whole]').map((word) => ({
      whole: word.dataset.whole,
      shown: word.textContent,
      over: box(word).right - box(word.previousSibling).right,
    }));
  const headings = (table) =>
    all('thead th', table).map((th) => ({ text: th.textContent, right: box(th).right }));
  setTimeout(async () => {
    document.documentElement.style.scrollBehavior = 'auto';
    const contents = document.getElementById('contents');
    const found = {
      errors: document.documentElement.dataset.errors ?? '',
      title: document.title,
      icon: document.querySelector('link[rel=icon]').href,
      mark: document.querySelector('.verdict .mark').textContent,
      verdict: document.querySelector('.verdict').textContent.replace(/\s+/g, ' ').trim(),
      border: color(getComputedStyle(document.querySelector('.verdict')).borderLeftColor),
      colors: variables('good', 'doubtful', 'bad', 'soft', 'accent'),
      unfolded: contents.open,
      answers: all('.answers .headline').map((answer) => ({
        text: answer.textContent.replace(/\s+/g, ' ').trim(),
        bottom: box(answer).bottom,
        leads_to: document.querySelector(answer.querySelector('a').hash)?.textContent,
      })),
      sections: all('main > section').map((section) => section.querySelector('h2').textContent),
      links: all('a', contents).map(link),
      legends: all('figure').map(legend),
      words: words(),
      tables: all('table').map(headings),
      rows: all('figure[data-chart="sweep"] .scroll tbody tr').map((tr) =>
        [...tr.children].map((cell) => cell.firstChild.textContent),
      ),
      spans: all('.waterfall .row:not(.head)').map((row) => ({
        name: row.querySelector('.name').textContent,
        area: row.querySelector('.of').textContent,
      })),
      largest: all('.request .largest').map((words) => words.textContent),
      scroll: document.documentElement.scrollWidth,
    };
    contents.querySelector('a[href="#run"]')?.click();
    await frames();
    found.run_top = box(document.getElementById('run')).top;
    found.contents_top = box(contents).top;
    found.current = contents.querySelector('[aria-current]')?.hash;
    document.body.style.maxWidth = '560px';
    document.getElementById('main').style.maxWidth = '300px';
    await frames();
    found.narrower = words();
    // The browser's notice is none of the page's failures; what is thrown is one.
    const notice = 'ResizeObserver loop completed with undelivered notifications.';
    dispatchEvent(new ErrorEvent('error', { message: notice }));
    await frames();
    found.after_notice = all('main > .status').length;
    setTimeout(() => {
      throw new Error('thrown by the probe');
    });
    await frames();
    found.after_error = all('main > .status').map((note) => note.textContent);
    parent.postMessage(JSON.stringify(found), '*');
  }, 500);
});
