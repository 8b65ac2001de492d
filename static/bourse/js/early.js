/* Runs before the first paint, so that the page does not come up in the wrong colours. A classic script: modules run later. */
(() => {
  let chosen = {};
  try {
    chosen = JSON.parse(localStorage.getItem('bourse.preferences')) ?? {};
  } catch {
    // Storage is forbidden, or not ours: the system's theme it is.
  }
  if (chosen.theme === 'light' || chosen.theme === 'dark') document.documentElement.dataset.theme = chosen.theme;
  document.documentElement.dataset.up = chosen.up === 'green' ? 'green' : 'red';
})();
