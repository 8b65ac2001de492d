/* Which colour means up, where the reader has chosen it on the trading page; else the language decides (tokens.css). A
   classic script, so that the page does not come up in the wrong colours. */
(() => {
  try {
    const chosen = JSON.parse(localStorage.getItem('bourse.preferences') ?? 'null') ?? {};
    if (chosen.up === 'red' || chosen.up === 'green') document.documentElement.dataset.up = chosen.up;
  } catch {
    // Storage is forbidden, or not ours: the language it is.
  }
})();
