/* Before the first paint, so that nothing flashes: the colours that were chosen here the last time. */
'use strict';
try {
	const theme = localStorage.getItem('sampan-theme');
	if (theme === 'light' || theme === 'dark')
		document.documentElement.dataset.theme = theme;
} catch { /* a browser that keeps nothing follows the system */ }
