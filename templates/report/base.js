// The files of this folder are one script (`src/report/html/mod.rs` says in which order): they draw
// the report's charts from the JSON in the page. Text from outside is only ever set as textContent.
'use strict';

// ---- What goes wrong ----

const root = document.documentElement;
const failures = [];
// A chart that can't be drawn must not pass for one that is empty.
const fail = (text) => {
  failures.push(text);
  root.dataset.errors = failures.join('\n');
  const note = h('p', { class: 'status', text: `This page could not draw everything: ${text}` });
  document.getElementById('main').prepend(note);
};
addEventListener('error', (event) => {
  // A notice, not a failure: a box that a chart resized is looked at again in the next frame.
  if (!/^ResizeObserver loop/.test(event.message)) fail(event.message);
});
addEventListener('unhandledrejection', (event) => fail(String(event.reason)));
addEventListener('securitypolicyviolation', (event) =>
  fail(`blocked: ${event.violatedDirective}`),
);

const report = JSON.parse(document.getElementById('data').textContent);
const narrow = () => innerWidth <= 640 && !isPrinting();

// ---- Elements ----

const SVG = 'http://www.w3.org/2000/svg';
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    if (name === 'text') element.textContent = value;
    else if (name === 'style') Object.assign(element.style, value);
    else if (name === 'tip') hint(element, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}
const percent = (share) => `${(share * 100).toFixed(3)}%`;

const tip = document.getElementById('tip');
function hint(element, text) {
  element.addEventListener('pointermove', (event) => showTip(text, event.clientX, event.clientY));
  element.addEventListener('pointerleave', hideTip);
  element.addEventListener('focus', () => {
    const box = element.getBoundingClientRect();
    showTip(text, Math.max(box.left, 0), box.bottom);
  });
  element.addEventListener('blur', hideTip);
}
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - box.width - 8))}px`;
  tip.style.top = `${y + 16 + box.height > innerHeight ? y - box.height - 10 : y + 16}px`;
}
function hideTip() {
  tip.hidden = true;
}
