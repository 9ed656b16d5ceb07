/* The list of repositories, page by page, and its search. */
import { age, announce, choices, make, platformChips, size, table } from './dom.js';
import { askJson } from './net.js';
import { say } from './words.js';
import { linesToPush } from './use.js';

const TYPING_MS = 200;

const columns = [{ word: 'name', class: 'name' }, { word: 'platforms' }, { word: 'tags', class: 'number' }, { word: 'size', class: 'number' },
	{ word: 'pushed', class: 'number' }];
const cachedColumns = [...columns.slice(0, 4), { word: 'pulled', class: 'number' }];

const row = below => repository => {
	return [
		[make('a', { href: `#/${repository.name}` }, repository.name), repository.cached ? make('span', { class: 'soft' }, ` ${say('cachedOf')}`) : null],
		repository.platforms.length ? platformChips(repository.platforms) : make('span', { class: 'soft' }, say('artifact')),
		String(repository.tags),
		size(repository.size),
		age(below ? repository.pulled : repository.updated),
	];
};

/* What is looked for: {text, below}, of which the second is the prefix of an upstream whose cache it is, or empty. */
function page(wanted, last, signal) {
	const query = new URLSearchParams();
	if (wanted.text)
		query.set('q', wanted.text);
	if (wanted.below)
		query.set('below', wanted.below);
	if (last)
		query.set('last', last);
	/* A '+' stands for itself in the registry's addresses. */
	return askJson(`v2/_sampan/repositories?${query.toString().replaceAll('+', '%20')}`, { signal });
}

function nothing({ text, below }) {
	if (text || below)
		return make('p', { class: 'empty' }, text ? say('nothingFound', { name: text }) : say('nothingCached'));
	return make('div', { class: 'empty' }, make('p', {}, say('empty')), make('p', {}, say('emptyHint')), linesToPush());
}

/* The rows found, with a button for more of them. Fills `place`; gives the registry's upstreams. */
async function fill(place, wanted, context) {
	const first = await page(wanted, null, context.signal);
	let count = first.repositories.length;
	const told = make('p', { class: 'soft count' });
	const list = table(say('repositories'), wanted.below ? cachedColumns : columns, first.repositories, row(wanted.below));
	const more = make('button', { type: 'button', class: 'more' }, say('more'));
	let next = first.next;

	const tell = () => {
		told.textContent = say(next ? 'foundMore' : count === 1 ? 'foundOne' : 'found', { n: count });
		more.hidden = !next;
		announce(told.textContent);
	};
	more.addEventListener('click', () => context.attempt(async () => {
		const { repositories, next: following } = await page(wanted, next, context.signal);
		const firstNew = list.tBodies[0].rows.length;
		list.addRows(repositories);
		next = following;
		count += repositories.length;
		tell();
		list.tBodies[0].rows[firstNew]?.querySelector('a')?.focus();
	}));
	tell();
	const upstream = first.upstreams.find(({ prefix }) => prefix === wanted.below);
	place.replaceChildren(upstream ? make('p', { class: 'soft' }, say('cachedText', { name: upstream.url })) : '', ...(count ? [told, list, more] : [nothing(wanted)]));
	return first.upstreams;
}

export async function repositoriesView(context) {
	const place = make('div', { class: 'results' });
	const input = make('input', { type: 'search', id: 'search', value: context.query.get('q') ?? '', placeholder: say('search'), 'aria-label': say('search'),
		'aria-keyshortcuts': '/', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
	let timer = null, asked = 0, below = context.query.get('below') ?? '';

	const search = () => context.attempt(async () => {
		const mine = ++asked, text = input.value.trim().toLowerCase(), hidden = make('div');
		const query = [text ? `q=${encodeURIComponent(text)}` : null, below ? `below=${encodeURIComponent(below)}` : null].filter(Boolean).join('&');
		history.replaceState(null, '', query ? `#/?${query}` : '#/');
		await fill(hidden, { text, below }, context);
		if (mine === asked)
			place.replaceChildren(...hidden.childNodes);
	});
	input.addEventListener('input', () => {
		clearTimeout(timer);
		timer = setTimeout(search, TYPING_MS);
	});
	const upstreams = await fill(place, { text: input.value.trim().toLowerCase(), below }, context);
	const which = choices('which', say('show'), [['', say('all')], ...upstreams.map(({ prefix }) => [prefix, prefix])], below, value => {
		below = value;
		search();
	});
	return {
		title: say('repositories'),
		content: [make('div', { class: 'heading' }, make('h1', { tabindex: '-1' }, say('repositories')),
			upstreams.length ? which : null, make('div', { class: 'search', role: 'search' }, input, make('kbd', { title: say('searchHint'), 'aria-hidden': 'true' }, '/'))), place],
	};
}
