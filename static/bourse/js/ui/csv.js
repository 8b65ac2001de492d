/** Tables as files that a spreadsheet opens: RFC 4180, in UTF-8 with the mark by which Excel knows it. Knows no trading. */

const MARK = '\ufeff';
const LINE = '\r\n';
/** A text that begins like this would be run as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** @param {string | number | null | undefined} value */
function cell(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * A number stays one.
 * @template Row
 * @param {{ head: string, value: (row: Row) => string | number | null | undefined }[]} columns
 * @param {Row[]} rows
 */
export function csvText(columns, rows) {
  const lines = [columns.map(({ head }) => head), ...rows.map((row) => columns.map(({ value }) => value(row)))];
  return MARK + lines.map((line) => line.map(cell).join(',') + LINE).join('');
}

/**
 * Gives the browser a file to keep.
 * @param {string} name
 * @param {string} text
 */
export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
