/* What is being pushed and pulled now. Asked for once a second while it moves and somebody looks, every few seconds while nothing does, and not at all
 * while the tab is hidden. */
import { announce, make, size, table } from './dom.js';
import { askJson } from './net.js';
import { say } from './words.js';

const BUSY_MS = 1000, CALM_MS = 3000;

const columns = [{ word: 'kind' }, { word: 'repository', class: 'name' }, { word: 'digest' }, { word: 'progress', class: 'wide' }, { word: 'size', class: 'number' },
	{ word: 'speed', class: 'number' }, { word: 'since', class: 'number' }];

function progress(transfer) {
	if (transfer.bytes === null)
		return '—';
	if (!transfer.size)
		return size(transfer.bytes);
	const percent = Math.floor(100 * transfer.bytes / transfer.size);
	return make('span', { class: 'progress' }, make('progress', { max: '100', value: percent, 'aria-label': say('progress') }), ` ${percent} %`);
}

function row(transfer) {
	const average = transfer.seconds && transfer.bytes !== null ? transfer.bytes / transfer.seconds : null, speed = transfer.speed ?? average;
	return [
		say(['upload', 'fetch'].includes(transfer.kind) ? transfer.kind : 'download'),
		make('a', { href: `#/${transfer.repository}` }, transfer.repository),
		transfer.digest ? make('span', { class: 'mono', title: transfer.digest }, transfer.digest.replace(/^\w+:/, '').slice(0, 12)) : '—',
		progress(transfer),
		size(transfer.size),
		speed === null ? '—' : say('perSecond', { size: size(speed) }),
		transfer.seconds === null ? '—' : say('seconds', { n: transfer.seconds }),
	];
}

/* From two looks, of which `before` is {at, bytes: Map} of the earlier. Two clients may take the same blob: then they are counted off. */
function addSpeeds(transfers, before) {
	const now = { at: performance.now(), bytes: new Map() };
	for (const transfer of transfers) {
		let key = `${transfer.kind} ${transfer.repository} ${transfer.digest}`;
		while (now.bytes.has(key))
			key += '+';
		now.bytes.set(key, transfer.bytes);
		const moved = transfer.bytes - before.bytes.get(key);
		if (moved >= 0)
			transfer.speed = 1000 * moved / (now.at - before.at);
	}
	return now;
}

export async function transfersView(context) {
	const told = make('p', { class: 'soft count' }), place = make('div', { class: 'results' });
	let count = 0, before = { at: 0, bytes: new Map() };

	const look = async () => {
		const state = await askJson('v2/_sampan/transfers', { signal: context.signal });
		before = addSpeeds(state.transfers, before);
		const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
		told.textContent = say('transferFacts', { connections: state.connections, requests: state.requests });
		place.replaceChildren(state.transfers.length ? table(say('transfers'), columns, state.transfers, row) : make('p', { class: 'empty' }, say('noTransfers')));
		if (focused)
			[...place.querySelectorAll('a')].find(link => link.getAttribute('href') === focused)?.focus();
		if (!state.transfers.length !== !count)
			announce(state.transfers.length ? say('transfers') : say('noTransfers'));
		count = state.transfers.length;
		return state.transfers.length ? BUSY_MS : CALM_MS;
	};
	const again = async wait => {
		await new Promise(resolve => setTimeout(resolve, wait));
		if (context.signal.aborted)
			return;
		const next = document.hidden ? BUSY_MS : await look().catch(() => CALM_MS);
		if (!context.signal.aborted)
			again(next);
	};
	again(await look());
	return {
		title: say('transfers'),
		content: [make('div', { class: 'heading' }, make('h1', { tabindex: '-1' }, say('transfers'))), told, place],
	};
}
