/** The few DOM helpers that the panels share. Never writes markup from strings, nor a style attribute. */

export const byId = (id) => document.getElementById(id);

/** An element with properties and children; `data` goes to its dataset. */
export function el(tag, { data = {}, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  Object.assign(node.dataset, data);
  node.append(...children);
  return node;
}

/** Sets text only if it differs: assistive technology and the browser's layout need not hear of the rest. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
