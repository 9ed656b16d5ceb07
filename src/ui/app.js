/* The frame of the page: which view an address is, and what stands around the views.
 *
 * Addresses are behind the '#', so that the server knows one page and it works below any path:
 *	#/?q=TEXT   #/_transfers   #/REPOSITORY   #/REPOSITORY:TAG   #/REPOSITORY@DIGEST
 * A repository's name has neither ':' nor '@', and no '_' in front. A view asks for what it shows, and gives
 * {title, content}; it is given a context: `signal` (aborted when the view is left), `query`, `attempt`, `remove`, `reload`. */
import { announce, make } from './dom.js';
import { imageView } from './image.js';
import { accountName, ask, login, logout } from './net.js';
import { repositoriesView } from './repositories.js';
import { repositoryView } from './repository.js';
import { transfersView } from './transfers.js';
import { chooseLanguage, languageTag, say, switchLanguage } from './words.js';

const $ = id => document.getElementById(id);

/* ---- dialogs ---- */

/* Shows it until `submit` is content (true) or it is given up (false). */
function askIn(dialog, submit) {
	const form = dialog.querySelector('form');
	return new Promise(resolve => {
		let done = false;
		form.onsubmit = async event => {
			event.preventDefault();
			done = await submit(form);
			if (done)
				dialog.close();
		};
		dialog.querySelector('.cancel').onclick = () => dialog.close();
		dialog.onclose = () => resolve(done);
		dialog.showModal();
	});
}

async function askLogin(why) {
	const form = $('login').querySelector('form');
	form.reset();
	$('login-why').textContent = why;
	const done = await askIn($('login'), async () => {
		$('login-why').textContent = '';
		try {
			const result = await login(form.elements.user.value, form.elements.password.value);
			if (result === 'good')
				return true;
			$('login-why').textContent = say(result === 'useless' ? 'loginUseless' : 'loginWrong');
		} catch (failure) {
			$('login-why').textContent = failureText(failure);
		}
		form.elements.password.select();
		return false;
	});
	form.reset();
	if (done)
		announce(say('loggedIn', { name: accountName() }));
	drawTools();
	return done;
}

function confirmDelete(title, text) {
	$('confirm-title').textContent = title;
	$('confirm-text').textContent = text;
	return askIn($('confirm'), () => true);
}

/* ---- failures ---- */

function failureText(failure) {
	if (failure.elsewhere)
		return say('loginElsewhere', { name: failure.elsewhere });
	if (failure.status === 0)
		return say('noAnswer');
	if (failure.status === 401 && !accountName())
		return say('loginNeeded');
	return failure.message;
}

function failureView(failure) {
	const retry = make('button', { type: 'button', class: 'main' }, say('again'));
	retry.addEventListener('click', () => show());
	const text = failure.status === 404 ? [say('notFound'), make('br'), make('span', { class: 'soft' }, failure.message)] : [failureText(failure)];
	return { title: say('failed'), content: [make('h1', { tabindex: '-1' }, say('failed')), make('p', { role: 'alert' }, text), retry] };
}

/* Does it, after a log-in if the registry wants one. Nothing if the view was left or the log-in given up. */
async function withLogin(action) {
	try {
		return await action();
	} catch (failure) {
		if (failure.status !== 401 || failure.elsewhere || accountName() || !await askLogin(say('loginNeeded')))
			throw failure;
		return action();
	}
}

/* For what happens after a view is there: a failure is told at its top, and the view stays. */
async function attempt(action) {
	document.querySelector('.failure')?.remove();
	try {
		await withLogin(action);
	} catch (failure) {
		if (failure.name !== 'AbortError')
			$('main').prepend(make('p', { class: 'failure', role: 'alert' }, failureText(failure)));
	}
}

/* A tag, or by its digest a manifest with all its tags. */
async function remove(repository, what, then) {
	const manifest = what.includes(':');
	const title = say(manifest ? 'deleteManifest' : 'deleteTag', { name: manifest ? what.slice(0, 19) : what });
	if (!await confirmDelete(title, say(manifest ? 'deleteManifestText' : 'deleteTagText')))
		return;
	await attempt(async () => {
		await ask(`v2/${repository}/manifests/${what}`, { method: 'DELETE' });
		announce(say('deleted', { name: manifest ? what.slice(0, 19) : what }));
		then();
	});
}

/* ---- views ---- */

function viewOf(hash) {
	const [encoded, query] = hash.replace(/^#\/?/, '').split('?'), path = decodeURIComponent(encoded);
	const [, repository, tag, digest] = /^([^:@]*)(?::([\w.-]+)|@([\w+.-]+:[0-9a-f]+))?$/.exec(path) ?? [];
	if (path === '_transfers')
		return { view: transfersView, nav: 'nav-transfers' };
	if (!repository)
		return { view: repositoriesView, nav: 'nav-repositories', query };
	return { view: tag || digest ? imageView : repositoryView, nav: 'nav-repositories', target: { repository, tag, digest } };
}

let leaving = new AbortController(), first = true;

async function show() {
	leaving.abort();
	const mine = leaving = new AbortController();
	let found = { view: repositoriesView, nav: 'nav-repositories' }, made;
	try {
		found = viewOf(location.hash);
	} catch { /* an address that isn't one */ }
	const context = { signal: mine.signal, query: new URLSearchParams(found.query), attempt, remove, reload: show };

	for (const id of ['nav-repositories', 'nav-transfers'])
		$(id).toggleAttribute('aria-current', false);
	$(found.nav).setAttribute('aria-current', found.target ? 'true' : 'page');
	$('main').setAttribute('aria-busy', 'true');
	try {
		made = await withLogin(() => found.view(context, found.target));
	} catch (failure) {
		if (failure.name === 'AbortError')
			return;
		made = failureView(failure);
	}
	if (mine.signal.aborted)
		return;
	$('main').replaceChildren(...made.content.filter(Boolean));
	$('main').removeAttribute('aria-busy');
	document.title = `${made.title} — sampan`;
	/* Who came by a link starts at the new heading; who has just opened the page starts where browsers do. */
	if (!first)
		$('main').querySelector('h1').focus({ preventScroll: false });
	first = false;
}

/* ---- the frame ---- */

function themeNow() {
	return document.documentElement.dataset.theme ?? 'auto';
}

function switchTheme() {
	const next = { auto: 'dark', dark: 'light', light: 'auto' }[themeNow()];
	try {
		localStorage.setItem('sampan-theme', next);
	} catch { /* then it is for this visit */ }
	if (next === 'auto')
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = next;
	drawTools();
	announce($('theme').getAttribute('aria-label'));
}

function drawTools() {
	const name = say({ auto: 'themeAuto', light: 'themeLight', dark: 'themeDark' }[themeNow()]);
	$('theme').textContent = { auto: '◐', light: '○', dark: '●' }[themeNow()];
	$('theme').title = say('theme', { name });
	$('theme').setAttribute('aria-label', $('theme').title);
	$('language').textContent = say('otherLanguage');
	$('language').lang = languageTag() === 'en' ? 'zh-CN' : 'en';
	$('account').textContent = accountName() ? say('logout', { name: accountName() }) : say('login');
}

/* Everything that stands in index.html says by data-word what it is. */
function drawFrame() {
	document.documentElement.lang = languageTag();
	for (const element of document.querySelectorAll('[data-word]'))
		element.textContent = say(element.dataset.word);
	for (const element of document.querySelectorAll('[data-label]'))
		element.setAttribute('aria-label', say(element.dataset.label));
	$('host').textContent = location.host;
	drawTools();
}

function start() {
	chooseLanguage();
	drawFrame();
	$('skip').addEventListener('click', () => $('main').focus());
	$('theme').addEventListener('click', switchTheme);
	$('language').addEventListener('click', () => {
		switchLanguage();
		drawFrame();
		first = true;
		show();
	});
	$('account').addEventListener('click', async () => {
		if (accountName()) {
			logout();
			announce(say('loggedOut'));
			drawTools();
		} else if (!await askLogin('')) {
			return;
		}
		show();
	});
	document.addEventListener('keydown', event => {
		const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName) && document.activeElement.type !== 'radio';
		if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]'))
			return;
		event.preventDefault();
		if ($('search')) {
			$('search').focus();
		} else {
			location.hash = '#/';
			const wait = new MutationObserver(() => {
				if (!$('search'))
					return;
				wait.disconnect();
				setTimeout(() => $('search')?.focus());
			});
			wait.observe($('main'), { childList: true });
		}
	});
	addEventListener('hashchange', show);
	show();
}

start();
