/* One manifest, by tag or digest: an index with its images, an image with its layers and their history, or an artifact; and what refers to it. */
import { age, copyButton, digestShort, facts, linkOrText, make, platformChip, section, size, table } from './dom.js';
import { ask, askJson } from './net.js';
import { say } from './words.js';
import { usePanel } from './use.js';

const CONFIG_MAX = 4e6;
const MANIFESTS = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.index.v1+json',
	'application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.docker.distribution.manifest.list.v2+json'].join(', ');
const CONFIGS = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];

/* ---- foreign JSON: whatever isn't of the type that it should be is left out ---- */

const list = value => Array.isArray(value) ? value : [];
const object = value => value && typeof value === 'object' && !Array.isArray(value) ? value : {};
const text = value => typeof value === 'string' ? value : null;
const seconds = value => Date.parse(text(value) ?? '') / 1000 || 0;
const amount = value => Number.isFinite(value) ? value : null;

function platformText(platform) {
	const { os, architecture, variant } = object(platform);
	return text(os) && text(architecture) ? [os, architecture, text(variant)].filter(Boolean).join('/') : null;
}

function mapFacts(map) {
	const entries = Object.entries(object(map)).filter(([, value]) => typeof value === 'string');
	return entries.length ? make('ul', { class: 'plain' }, entries.map(([name, value]) =>
		make('li', {}, make('span', { class: 'soft' }, `${name} `), linkOrText(value)))) : null;
}

function command(value) {
	const words = list(value).filter(word => typeof word === 'string').map(word => /^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word));
	return words.length ? make('code', {}, words.join(' ')) : null;
}

function preList(value) {
	const lines = list(value).filter(line => typeof line === 'string');
	return lines.length ? make('ul', { class: 'plain mono' }, lines.map(line => make('li', {}, line))) : null;
}

/* ---- the parts ---- */

function digestLink(repository, digest) {
	return make('a', { class: 'mono', href: `#/${repository}@${digest}`, title: digest }, digestShort(digest));
}

function childrenTable(repository, manifest) {
	const children = list(manifest.manifests).map(object).filter(child => text(child.digest));
	return section(say('images'), table(say('images'), [{ word: 'platform', class: 'name' }, { word: 'digest' }, { word: 'type' }], children, child => [
		platformText(child.platform) ? platformChip(platformText(child.platform), `#/${repository}@${child.digest}`) : '—',
		digestLink(repository, child.digest),
		make('span', { class: 'soft type' }, text(child.artifactType) ?? text(child.mediaType) ?? '—'),
	]));
}

/* A step of the history made a layer unless it says that it was empty; so they are counted off against each other. */
function layerRows(manifest, config) {
	const layers = list(manifest.layers).map(object), rows = [];
	for (const step of list(config?.history).map(object))
		rows.push({ made: text(step.created_by) ?? text(step.comment) ?? '', layer: step.empty_layer === true ? null : layers.shift() ?? null });
	return [...rows, ...layers.map(layer => ({ made: null, layer }))].map((row, i) => ({ ...row, number: i + 1 }));
}

/* What BuildKit and docker put around a command says nothing. */
function madeText(made) {
	if (made === null)
		return make('span', { class: 'soft' }, say('noHistory'));
	return make('code', { class: 'made' }, made.replace(/^\/bin\/sh -c #\(nop\)\s+/, '').replace(/^\/bin\/sh -c /, 'RUN ').replace(/\s*# buildkit$/, ''));
}

function layersTable(manifest, config) {
	return section(say('layers'), table(say('layers'), [{ word: 'step', class: 'number narrow' }, { word: 'made', class: 'wide' }, { word: 'size', class: 'number' },
		{ word: 'digest' }], layerRows(manifest, config), ({ number, made, layer }) => [
		String(number),
		madeText(made),
		layer ? size(amount(layer.size)) : make('span', { class: 'soft' }, '—'),
		text(layer?.digest) ? make('span', { class: 'digest', title: `${layer.digest} ${layer.mediaType}` }, digestShort(layer.digest), ' ',
			copyButton(layer.digest, digestShort(layer.digest))) : '',
	]));
}

function referrersTable(repository, referrers) {
	if (!referrers.length)
		return section(say('referrers'), make('p', { class: 'soft' }, say('noReferrers')));
	return section(say('referrers'), table(say('referrers'), [{ word: 'type', class: 'name' }, { word: 'digest' }, { word: 'annotations', class: 'wide' }],
		referrers, referrer => [
			text(referrer.artifactType) ?? text(referrer.mediaType) ?? '—',
			digestLink(repository, text(referrer.digest) ?? ''),
			mapFacts(referrer.annotations) ?? '',
		]));
}

function imageFacts(repository, found, config) {
	const { manifest, digest, mediaType } = found, run = object(config?.config);
	const total = [manifest.config, ...list(manifest.layers)].reduce((sum, part) => sum + (amount(object(part).size) ?? 0), 0);
	const subject = text(object(manifest.subject).digest);
	return facts([
		['digest', make('span', { class: 'digest whole' }, digest, ' ', copyButton(digest, say('digest')))],
		['platform', platformText(config) ? platformChip(platformText(config)) : null],
		['size', manifest.layers ? size(total) : null],
		['built', seconds(config?.created) ? age(seconds(config.created)) : null],
		['author', text(config?.author)],
		['artifactType', text(manifest.artifactType)],
		['mediaType', mediaType],
		['subject', subject ? digestLink(repository, subject) : null],
		['entrypoint', command(run.Entrypoint)],
		['command', command(run.Cmd)],
		['workdir', text(run.WorkingDir)],
		['runsAs', text(run.User)],
		['ports', Object.keys(object(run.ExposedPorts)).join(', ')],
		['environment', preList(run.Env)],
		['labels', mapFacts(run.Labels)],
		['annotations', mapFacts(manifest.annotations)],
	]);
}

/* ---- asking ---- */

async function manifestGet(repository, reference, signal) {
	const answer = await ask(`v2/${repository}/manifests/${reference}`, { accept: MANIFESTS, signal });
	return { manifest: object(await answer.json()), digest: answer.headers.get('Docker-Content-Digest'), mediaType: answer.headers.get('Content-Type') };
}

/* Of an image only: an artifact's may be anything. One that can't be read is as good as none. */
async function configGet(repository, manifest, signal) {
	const config = object(manifest.config);
	if (!CONFIGS.includes(config.mediaType) || !(config.size <= CONFIG_MAX) || !/^[\w+.-]+:[0-9a-f]+$/.test(config.digest))
		return null;
	try {
		return object(await askJson(`v2/${repository}/blobs/${config.digest}`, { signal }));
	} catch (failure) {
		if (failure.name === 'AbortError' || failure.status === 401)
			throw failure;
		return null;
	}
}

export async function imageView(context, { repository, tag, digest }) {
	const found = await manifestGet(repository, tag ?? digest, context.signal);
	const [config, referrers] = await Promise.all([
		configGet(repository, found.manifest, context.signal),
		askJson(`v2/${repository}/referrers/${found.digest}`, { signal: context.signal }),
	]);
	const remove = (what, word) => make('button', { type: 'button', class: 'alarm', onclick: () =>
		context.remove(repository, what, () => { location.hash = `#/${repository}`; }) }, say(word));
	return {
		title: `${repository}${tag ? `:${tag}` : `@${digestShort(digest)}`}`,
		content: [
			make('div', { class: 'heading' },
				make('h1', { tabindex: '-1', class: 'mono' }, make('a', { href: `#/${repository}` }, repository),
					tag ? `:${tag}` : `@${digestShort(digest)}`),
				make('div', { class: 'buttons' }, tag ? remove(tag, 'deleteTagButton') : null, remove(found.digest, 'deleteManifestButton'))),
			imageFacts(repository, found, config),
			found.manifest.manifests ? childrenTable(repository, found.manifest) : null,
			found.manifest.layers ? layersTable(found.manifest, config) : null,
			referrersTable(repository, list(referrers.manifests).map(object)),
			section(say('use'), usePanel(repository, tag ? `:${tag}` : `@${digest}`)),
		],
	};
}
