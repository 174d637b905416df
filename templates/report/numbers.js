// ---- Numbers: three significant digits, a fitting unit; as `src/report/units.rs` ----

const joined = (...parts) => parts.filter(Boolean).join(' ');
const finite = (value) => typeof value === 'number' && Number.isFinite(value);
function number(value) {
  if (!finite(value)) return '-';
  const size = Math.abs(value);
  const decimals = size < 0.9995 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  const text = value.toFixed(decimals);
  const digits = Number(text) === 0 ? text.replace('-', '') : text;
  return grouped(digits);
}
function grouped(digits) {
  return digits.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','));
}
function duration(us) {
  if (!finite(us)) return '-';
  const size = Math.abs(us);
  if (size < 999.5) return `${number(us)} us`;
  return size < 999500 ? `${number(us / 1e3)} ms` : `${number(us / 1e6)} s`;
}
const ms = (us) => number(us / 1e3);
function short(us) {
  if (us >= 1e6) return `${us / 1e6} s`;
  return us >= 1e3 ? `${us / 1e3} ms` : `${us} us`;
}
function share(value) {
  if (!finite(value)) return '-';
  const size = Math.abs(value * 100);
  if (size > 0 && size < 0.05) return '<0.1 %';
  // What is not all is not rounded up to it.
  if (size >= 99.5 && size < 99.9999999) return `${Math.trunc(value * 1000) / 10} %`;
  return `${grouped((value * 100).toFixed(size < 9.95 && size > 0 ? 1 : 0))} %`;
}
// More decimals where it would look like 1 and is less.
function recall(value) {
  if (!finite(value)) return '-';
  const texts = [3, 4, 5, 6].map((decimals) => value.toFixed(decimals));
  return texts.find((text) => value >= 1 || !text.startsWith('1')) ?? '0.999999';
}
const count = (value) =>
  value < 1e7 ? grouped(value.toString()) : `${number(value / 1e6)} M`;
// A round number at an axis, without the zeros of a measured one.
const tick = (value) => grouped(String(Number(value.toPrecision(3))));
// A difference, which has a sign unless nothing of it is shown.
function signed(value, shown) {
  const text = shown(Math.abs(value));
  return /[1-9]/.test(text) ? `${value < 0 ? '-' : '+'}${text}` : text;
}
