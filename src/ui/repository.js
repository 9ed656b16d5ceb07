/* One repository: its tags, page by page, and how to use them. */
import { age, announce, copyButton, digestShort, make, platformChips, section, size, table } from './dom.js';
import { askJson } from './net.js';
import { say } from './words.js';
import { usePanel } from './use.js';

const columnsOf = cached => [{ word: 'tag', class: 'name' }, { word: 'platforms' }, { word: 'digest' }, { word: 'size', class: 'number' }, { word: 'built', class: 'number' },
	{ word: cached ? 'pulled' : 'pushed', class: 'number' }, { word: 'actions', class: 'actions' }];

/* The type of an artifact may be long: its end says most. */
function kindOf(tag) {
	if (tag.platforms.length)
		return platformChips(tag.platforms);
	return make('span', { class: 'soft type', title: tag.artifactType ?? tag.mediaType }, tag.artifactType ?? say('artifact'));
}

function digestCell(repository, digest) {
	return make('span', { class: 'digest' }, make('a', { href: `#/${repository}@${digest}`, title: digest }, digestShort(digest)), ' ',
		copyButton(digest, digestShort(digest)));
}

function rowOf(context, repository, removed) {
	return tag => [
		make('a', { href: `#/${repository}:${tag.name}` }, tag.name),
		kindOf(tag),
		digestCell(repository, tag.digest),
		size(tag.size),
		age(tag.created),
		age(tag.pulled || tag.updated),
		make('button', {
			type: 'button', class: 'quiet alarm', 'aria-label': say('deleteThis', { name: tag.name }),
			onclick: event => context.remove(repository, tag.name, () => removed(event.target.closest('tr'))),
		}, say('delete')),
	];
}

function page(repository, last, signal) {
	return askJson(`v2/${repository}/_sampan/tags${last ? `?last=${encodeURIComponent(last)}` : ''}`, { signal });
}

/* The focus goes to what has taken the removed row's place. */
function removeRow(row, emptied) {
	const next = row.nextElementSibling ?? row.previousElementSibling;
	row.remove();
	if (next)
		next.querySelector('a').focus();
	else
		emptied();
}

export async function repositoryView(context, { repository }) {
	const first = await page(repository, null, context.signal);
	let next = first.next;
	const list = table(say('tags'), columnsOf(first.tags.some(({ pulled }) => pulled)), first.tags, rowOf(context, repository, row => removeRow(row, context.reload)));
	const more = make('button', { type: 'button', class: 'more', hidden: !next }, say('more'));

	more.addEventListener('click', () => context.attempt(async () => {
		const { tags, next: following } = await page(repository, next, context.signal);
		const firstNew = list.tBodies[0].rows.length;
		list.addRows(tags);
		next = following;
		more.hidden = !next;
		announce(say('shown', { n: list.tBodies[0].rows.length }));
		list.tBodies[0].rows[firstNew]?.querySelector('a')?.focus();
	}));
	const latest = first.tags.find(({ name }) => name === 'latest') ?? first.tags.at(-1);
	return {
		title: repository,
		content: [
			make('div', { class: 'heading' }, make('h1', { tabindex: '-1', class: 'mono' }, repository)),
			first.tags.length ? list : make('p', { class: 'empty' }, say('noTags')),
			more,
			latest ? section(say('use'), usePanel(repository, `:${latest.name}`)) : null,
		],
	};
}
