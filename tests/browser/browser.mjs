/* Debian's Chromium, and what each test wants of a page: no error in its console, no request to elsewhere, nothing run that was pushed. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const executable = process.env.CHROMIUM ?? '/usr/bin/chromium';
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const pictures = process.env.SCREENSHOTS; /* a folder; not set: none are taken */

/* Its profile is a folder of its own beneath TMPDIR, which goes with it. */
export function startBrowser() {
	return chromium.launch({ executablePath: executable, args: flags });
}

/* Opens the page, gives it to `look`, and closes it; fails if anything went wrong in it meanwhile that `expected` doesn't match. */
export async function visit(browser, url, options, look) {
	const { hash = '#/', expected = null, ...settings } = options;
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', ignoreHTTPSErrors: true, ...settings });
	const page = await context.newPage(), wrong = [];
	page.setDefaultTimeout(15000);
	page.on('pageerror', error => wrong.push(`error: ${error.message}`));
	page.on('console', message => ['error', 'warning'].includes(message.type()) && wrong.push(`console: ${message.text()} ${message.location().url}`));
	page.on('request', request => request.url().startsWith(url) || wrong.push(`request: ${request.url()}`));
	try {
		await page.goto(`${url}/${hash}`);
		await page.locator('main h1, dialog[open]').first().waitFor();
		await look(page);
		if (await page.evaluate('window.pwned'))
			wrong.push('what was pushed has run');
	} finally {
		await context.close();
	}
	const left = wrong.filter(text => !expected?.test(text));
	if (left.length)
		throw new Error(left.join('\n'));
}

export async function go(page, hash) {
	const before = await page.locator('main h1').elementHandle();
	await page.evaluate(to => { location.hash = to; }, hash);
	await page.waitForFunction(old => !old.isConnected && !document.querySelector('main[aria-busy]'), before);
}

export async function picture(page, name) {
	if (!pictures)
		return;
	mkdirSync(pictures, { recursive: true });
	await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}
