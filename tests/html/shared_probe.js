// Runs before every probe: what they share. A probe tells its window what it found.
window.found = new Promise((done) => addEventListener('message', (event) => done(event.data)));
// Within one object: the page's own scripts have names in the same window.
window.shared = {
  all: (selector, of = document) => [...of.querySelectorAll(selector)],
  // Red, green, blue of a colour as the browser computed it.
  color: (text) =>
    text
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map(Number),
  // The colours of the page's variables, by name.
  variables: (...names) =>
    Object.fromEntries(
      names.map((name) => {
        const made = document.createElement('i');
        made.style.color = `var(--${name})`;
        document.body.append(made);
        return [name, shared.color(getComputedStyle(made).color)];
      }),
    ),
};
