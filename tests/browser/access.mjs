/* What a person with a keyboard, a screen reader or weak eyes needs of any page. Returns sentences about what is wrong; none is right. */

/* Runs inside the page. */
function inspect() {
	const wrong = [], visible = element => element.checkVisibility({ visibilityProperty: true, opacityProperty: false }) && element.getClientRects().length > 0;
	const told = element => `<${element.localName}${element.id ? ` id=${element.id}` : ''} class="${element.className}"> "${element.textContent.trim().slice(0, 40)}"`;

	/* ---- names ---- */
	const named = element => {
		const by = element.getAttribute('aria-labelledby');
		return (element.getAttribute('aria-label') ?? (by ? by.split(' ').map(id => document.getElementById(id)?.textContent ?? '').join(' ') : null) ??
			([...element.labels ?? []].map(label => label.textContent).join(' ') || element.textContent || element.alt || '')).trim();
	};
	for (const element of document.querySelectorAll('a, button, input, select, textarea, [tabindex="0"], dialog[open], nav, progress'))
		if (!element.hidden && !element.closest('dialog:not([open])') && !named(element))
			wrong.push(`without a name: ${told(element)}`);
	for (const image of document.querySelectorAll('img:not([alt])'))
		wrong.push(`an image without alt: ${told(image)}`);
	for (const [text, button] of [...document.querySelectorAll('main table button')].map(button => [named(button), button]))
		if (text === button.textContent && !/\s/.test(text) && document.querySelectorAll('main table button').length > 1 && !button.hasAttribute('aria-label'))
			wrong.push(`a button in a table that says not of which row: ${told(button)}`);

	/* ---- structure ---- */
	for (const landmark of ['header', 'nav', 'main', 'footer', '[aria-live]'])
		if (document.querySelectorAll(`body > ${landmark}, body > header > ${landmark}`).length !== 1)
			wrong.push(`not one ${landmark}`);
	if (document.querySelectorAll('h1').length !== 1)
		wrong.push('not one h1');
	const levels = [...document.querySelectorAll('main :is(h1, h2, h3)')].map(heading => Number(heading.localName[1]));
	if (levels.some((level, i) => level > (levels[i - 1] ?? 0) + 1))
		wrong.push(`headings skip a level: ${levels}`);
	const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
	if (new Set(ids).size !== ids.length)
		wrong.push('an id is there twice');
	if (!document.documentElement.lang)
		wrong.push('the page has no language');
	if (document.querySelector('[tabindex]:not([tabindex="0"], [tabindex="-1"])'))
		wrong.push('a tabindex that changes the order');
	for (const table of document.querySelectorAll('table'))
		if (!table.caption?.textContent || [...table.tHead.rows[0].cells].some(cell => cell.scope !== 'col') ||
			[...table.tBodies[0].rows].some(row => row.cells[0].scope !== 'row' || row.cells.length !== table.tHead.rows[0].cells.length))
			wrong.push('a table without caption, or whose headers are none');

	/* ---- contrast (WCAG 2, 1.4.3) of every visible text with what is behind it ---- */
	const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
	const rgba = colour => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const behind = element => {
		for (let at = element; at; at = at.parentElement) {
			const colour = rgba(getComputedStyle(at).backgroundColor);
			if (colour[3] === 255)
				return colour;
		}
		return [255, 255, 255, 255];
	};
	const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let measured = 0;
	while (walker.nextNode()) {
		const element = walker.currentNode.parentElement, style = getComputedStyle(element);
		if (!walker.currentNode.data.trim() || !visible(element) || element.closest('.hidden, noscript, dialog:not([open])') || style.color === 'rgba(0, 0, 0, 0)')
			continue;
		measured++;
		if (walker.currentNode.data.length > 20 && element.getBoundingClientRect().width < 60)
			wrong.push(`squeezed: ${told(element)}`);
		const found = ratio(rgba(style.color), behind(element));
		if (found < 4.5)
			wrong.push(`contrast ${found.toFixed(2)}: ${told(element)}`);
	}
	for (const input of document.querySelectorAll('input[placeholder]'))
		if (visible(input) && ratio(rgba(getComputedStyle(input, '::placeholder').color), behind(input)) < 4.5)
			wrong.push('contrast of a placeholder');
	if (measured < 10)
		wrong.push(`only ${measured} texts were measured`);

	/* ---- room ---- */
	if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
		wrong.push(`wider than the window: ${document.documentElement.scrollWidth} > ${document.documentElement.clientWidth}`);
	return wrong;
}

export function accessFaults(page) {
	return page.evaluate(inspect);
}

/* Presses Tab until the document's end, and gives what had the focus, each with whether it could be seen that it had. */
export async function tabOrder(page, limit = 400) {
	const order = [];
	await page.evaluate(() => { document.activeElement?.blur(); window.getSelection().removeAllRanges(); });
	for (let i = 0; i < limit; i++) {
		await page.keyboard.press('Tab');
		const here = await page.evaluate(() => {
			const element = document.activeElement, box = element.getBoundingClientRect();
			if (element === document.body)
				return null;
			const shown = getComputedStyle(element.type === 'radio' ? element.closest('label') : element);
			return { name: element.getAttribute('aria-label') ?? element.textContent.trim(), id: element.id, seen: shown.outlineStyle !== 'none' && box.width > 0,
				main: Boolean(element.closest('main')) };
		});
		if (!here)
			break;
		order.push(here);
	}
	return order;
}
