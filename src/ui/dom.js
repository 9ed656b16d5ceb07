/* Elements, and numbers as people read them.
 *
 * Whatever the registry tells was written by whoever may push. So there is one way to make an element, and text gets into it as text: no part
 * of this page ever gives a string to the HTML parser. */
import { languageTag, say } from './words.js';

/* make('a', {href: …, class: …, onclick: …}, child…): a child is a node, a text, or null. */
export function make(name, attributes = {}, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value === null || value === undefined || value === false)
			continue;
		if (typeof value === 'function')
			element.addEventListener(key.slice(2), value);
		else
			element.setAttribute(key, value === true ? '' : value);
	}
	element.append(...children.flat().filter(child => child !== null && child !== undefined));
	return element;
}

/* A link, if the foreign text is an address that may be followed; else the text. */
export function linkOrText(text) {
	let url;
	try {
		url = new URL(text);
	} catch {
		return text;
	}
	if (url.protocol !== 'http:' && url.protocol !== 'https:')
		return text;
	return make('a', { href: url.href, rel: 'noopener noreferrer nofollow', target: '_blank' }, text);
}

/* ---- tables ---- */

/* Columns are {word, class}; `row` gives the cells of an item, of which the first is the row's name. Narrow screens show a row as a block, where a
 * browser may forget that it is a table: so the roles are said, and each cell has its column's name. */
export function table(caption, columns, items, row) {
	const body = make('tbody', { role: 'rowgroup' });
	const head = make('tr', { role: 'row' },
		columns.map(column => make('th', { scope: 'col', role: 'columnheader', class: column.class }, say(column.word))));
	const element = make('table', { role: 'table' }, make('caption', { class: 'hidden' }, caption), make('thead', { role: 'rowgroup' }, head), body);
	element.addRows = more => body.append(...more.map(item => make('tr', { role: 'row' }, row(item).map((content, i) =>
		make(i ? 'td' : 'th', { scope: i ? null : 'row', role: i ? 'cell' : 'rowheader', class: columns[i].class, 'data-column': say(columns[i].word) },
			content)))));
	element.addRows(items);
	return element;
}

/* [word, content…]: those without content are left out. */
export function facts(list) {
	return make('dl', {}, list.filter(([, content]) => content !== null && content !== undefined && content !== '')
		.map(([word, content]) => make('div', {}, make('dt', {}, say(word)), make('dd', {}, content))));
}

export function section(title, ...content) {
	return make('section', {}, make('h2', {}, title), ...content);
}

/* ---- platforms, digests, times, sizes ---- */

export function platformChip(platform, href = null) {
	const short = platform.replace(/^linux\//, '');
	const marked = /(^|\/)riscv64(\/|$)/.test(platform);
	return make(href ? 'a' : 'span', { class: marked ? 'chip marked' : 'chip', href, title: platform }, short);
}

export function platformChips(platforms) {
	const first = [...platforms].sort((a, b) => b.includes('riscv64') - a.includes('riscv64'));
	return make('span', { class: 'chips' }, first.map(platform => platformChip(platform)));
}

export function digestShort(digest) {
	return digest.replace(/^(sha\d+):([0-9a-f]{12}).*$/, '$2');
}

export function size(bytes) {
	if (bytes === null)
		return '—';
	const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
	let at = 0;
	for (; bytes >= 999.5 && at < units.length - 1; at++)
		bytes /= 1000;
	const digits = at === 0 || bytes >= 100 ? 0 : bytes >= 10 ? 1 : 2;
	return `${bytes.toFixed(digits)} ${units[at]}`;
}

/* "3 days ago", with the moment itself for who points at it. */
export function age(seconds) {
	if (!seconds)
		return '—';
	const date = new Date(seconds * 1000);
	if (Number.isNaN(date.getTime()))
		return '—';
	const past = Date.now() / 1000 - seconds;
	const units = [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]];
	const [unit, length] = units.find(([, length]) => Math.abs(past) >= length) ?? ['second', 1];
	const text = new Intl.RelativeTimeFormat(languageTag(), { numeric: 'auto' }).format(-Math.floor(past / length), unit);
	return make('time', { datetime: date.toISOString(), title: date.toLocaleString(languageTag()) }, text);
}

/* ---- one of a few ---- */

/* Radio buttons, so that arrows choose and a reader counts them. Choices are [value, label]. */
export function choices(name, legend, list, chosen, change) {
	return make('fieldset', { class: 'choices' }, make('legend', { class: 'hidden' }, legend), list.map(([value, label]) =>
		make('label', {}, make('input', { type: 'radio', name, value, checked: value === chosen, onchange: () => change(value) }), make('span', {}, label))));
}

/* ---- what is said besides ---- */

/* To who can't see it happen: a screen reader reads it out. */
export function announce(text) {
	document.getElementById('status').textContent = text;
}

/* Over plain HTTP browsers give no clipboard, but still obey the old command. */
async function copyText(text) {
	if (navigator.clipboard)
		return navigator.clipboard.writeText(text).then(() => true, () => false);
	const area = make('textarea', { class: 'hidden', 'aria-hidden': 'true', tabindex: '-1' });
	const focused = document.activeElement;
	area.value = text;
	document.body.append(area);
	area.select();
	const done = document.execCommand('copy');
	area.remove();
	focused?.focus();
	return done;
}

export function copyButton(text, name) {
	const button = make('button', { type: 'button', class: 'copy', 'aria-label': say('copyThis', { name }) }, say('copy'));
	button.addEventListener('click', async () => {
		const done = await copyText(text);
		button.textContent = done ? say('copied') : say('notCopied');
		announce(button.textContent);
		setTimeout(() => { button.textContent = say('copy'); }, 1500);
	});
	return button;
}
