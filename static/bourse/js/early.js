/* Runs before the first paint, so that the page does not come up in the wrong colours. A classic script: modules run later. */
(() => {
  /** @type {Record<string, string>} */
  let chosen = {};
  try {
    chosen = JSON.parse(localStorage.getItem('bourse.preferences') ?? 'null') ?? {};
  } catch {
    // Storage is forbidden, or not ours: the system's theme it is.
  }
  if (chosen.theme === 'light' || chosen.theme === 'dark') document.documentElement.dataset.theme = chosen.theme;
  const language = chosen.language ?? navigator.language.toLowerCase();
  document.documentElement.dataset.up = chosen.up ?? (language.startsWith('zh') ? 'red' : 'green');
})();
