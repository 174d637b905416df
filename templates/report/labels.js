// ---- Words within marks ----

// The page's, in charts.
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
// Letters below which a word is not begun.
const LEAST = 3;
const ruler = h('canvas').getContext('2d');
function shortened(text, room, font) {
  ruler.font = font;
  const wide = (of) => ruler.measureText(of).width;
  if (wide(text) <= room) return text;
  let end = Math.min(text.length - 1, Math.ceil((text.length * room) / wide(text)) + 1);
  const cut = () => `${text.slice(0, end).trimEnd()}…`;
  while (end >= LEAST && wide(cut()) > room) end -= 1;
  return end >= LEAST ? cut() : '';
}
// Each word whole where its mark has the room, else with an ellipsis, or left out: of all that
// stands in `box`, before which in the mark lies the field that it stands on.
function fit(box) {
  const words = [...box.querySelectorAll('text[data-whole]')];
  const rooms = words.map((word) => word.previousSibling.getBoundingClientRect().width - 10);
  const fonts = words.map((word) => FONT.replace('12px', word.style.fontSize || '12px'));
  words.forEach((word, at) => {
    const text = shortened(word.dataset.whole, rooms[at], fonts[at]);
    if (word.textContent !== text) word.textContent = text;
  });
}
