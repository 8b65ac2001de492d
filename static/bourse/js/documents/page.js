/** A page of the documents: blocks of code get a button that copies them. Without this the page is read as it is. */
import { el } from '../ui/dom.js';
import { mountSearch } from './search.js';

const words = document.body.dataset;

/** Browsers copy for pages over HTTPS or of this machine only; elsewhere the text is selected, ready for the keyboard. */
async function copy(/** @type {HTMLElement} */ code) {
  if (navigator.clipboard) return navigator.clipboard.writeText(code.textContent ?? '').then(() => true, () => select(code));
  return select(code);
}

function select(/** @type {HTMLElement} */ code) {
  window.getSelection()?.selectAllChildren(code);
  return false;
}

for (const block of document.querySelectorAll('pre')) {
  const button = el('button', { type: 'button', textContent: words.copy });
  button.addEventListener('click', async () => {
    if (await copy(block)) button.textContent = words.copied ?? '';
  });
  const frame = el('div', { className: 'code' });
  block.replaceWith(frame);
  frame.append(block, button);
}

mountSearch();
