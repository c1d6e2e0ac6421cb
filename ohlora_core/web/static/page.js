// What the page does without asking the server: language of the labels, the settings drawer.
(() => {
  const root = document.documentElement;
  const byId = id => document.getElementById(id);

  function drawer(open) {
    const panel = byId('settings');
    if (!panel) return;
    panel.setAttribute('role', 'dialog');
    panel.setAttribute('aria-label', 'Settings / 설정');
    document.body.classList.toggle('drawer-open', open);
    const opener = byId('settings-open');
    opener?.setAttribute('aria-expanded', String(open));
    if (open) setTimeout(() => byId('settings-close')?.focus(), 60);
    else opener?.focus();
  }

  window.ohlora = {
    ...(window.ohlora || {}),
    drawer,
    language(lang) { root.lang = root.dataset.lang = lang; },
    prefersStill: () => matchMedia('(prefers-reduced-motion: reduce)').matches,
  };
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape' && document.body.classList.contains('drawer-open')) drawer(false);
  });
  document.addEventListener('pointerdown', event => {
    const open = document.body.classList.contains('drawer-open');
    if (open && !event.target.closest('#settings')) drawer(false);
  });
})();
