// Sets the colour scheme before the first paint, so that a dark screen never flashes white. A file of its own and no inline
// script: the content security policy allows none. The key is the one Mantine stores the choice under.
(function () {
  var chosen = null;
  try {
    chosen = window.localStorage.getItem('mantine-color-scheme-value');
  } catch (_storageBlocked) {
    // Private modes may forbid storage; the system's own scheme is used.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
