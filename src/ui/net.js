/* Questions to the registry, and the log-in.
 *
 * Name and password are kept in this module's memory and nowhere else. What the registry wants of them it says in the 401: the password itself
 * (Basic), or a token for one purpose (Bearer), fetched with it. The browser's own log-in window never opens, since no request
 * carries credentials of the browser's. */

/* Where the page lies: "/", or the path that a proxy has put in front. */
const base = new URL('./', location.href).pathname;

let account = null; /* {name, password} */
const granted = new Map(); /* purpose → value of the header Authorization */

/* `status` 0: no answer came. */
export class Failure extends Error {
	constructor(status, message, elsewhere = null) {
		super(message);
		this.status = status;
		this.elsewhere = elsewhere;
	}
}

export function accountName() {
	return account?.name ?? null;
}

export function logout() {
	account = null;
	granted.clear();
}

async function send(path, options, authorization) {
	const headers = { Accept: options.accept ?? 'application/json' };
	if (authorization)
		headers.Authorization = authorization;
	if (options.method && options.method !== 'HEAD')
		headers['Sampan-Page'] = '1';
	try {
		return await fetch(base + path, { method: options.method ?? 'GET', headers, signal: options.signal, credentials: 'omit' });
	} catch (error) {
		throw error.name === 'AbortError' ? error : new Failure(0, String(error.message));
	}
}

/* ---- challenges ---- */

function basic(who) {
	const bytes = new TextEncoder().encode(`${who.name}:${who.password}`);
	return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/* The realm's scheme isn't looked at: a proxy in front of us may not have said that it speaks HTTPS. To another host no password goes. */
async function token(realm, parameters, who) {
	const url = new URL(realm, location.href);
	if (url.host !== location.host)
		throw new Failure(401, 'elsewhere', url.origin);
	const query = new URLSearchParams();
	for (const name of ['service', 'scope'])
		if (parameters[name])
			query.set(name, parameters[name]);
	const headers = who ? { Authorization: basic(who) } : {};
	const answer = await fetch(`${url.pathname}?${query}`, { headers, credentials: 'omit' });
	if (!answer.ok)
		return null;
	const body = await answer.json();
	return `Bearer ${body.token ?? body.access_token}`;
}

/* What to send as Authorization; null if the challenge can't be met. */
async function meet(challenge, who) {
	const [, scheme, rest] = /^\s*(\w+)\s*(.*)$/.exec(challenge ?? '') ?? [];
	const parameters = {};
	for (const [, name, value] of (rest ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
		parameters[name.toLowerCase()] = value.replace(/\\(.)/g, '$1');
	if (scheme?.toLowerCase() === 'basic')
		return who ? basic(who) : null;
	if (scheme?.toLowerCase() === 'bearer' && parameters.realm)
		return token(parameters.realm, parameters, who);
	return null;
}

/* ---- questions ---- */

async function refusal(answer) {
	let message = `${answer.status} ${answer.statusText}`;
	try {
		message = (await answer.json()).errors[0].message ?? message;
	} catch { /* not one of the registry's own answers */ }
	return new Failure(answer.status, message);
}

/* `path` is relative to the page ("v2/…"). Fails with a Failure unless the answer is a good one. */
export async function ask(path, options = {}) {
	const purpose = `${options.method ?? 'GET'} ${path.replace(/\/(manifests|blobs|referrers|_sampan)\/.*$/, '')}`;
	let answer = await send(path, options, granted.get(purpose));
	if (answer.status === 401) {
		granted.delete(purpose);
		const authorization = await meet(answer.headers.get('WWW-Authenticate'), account);
		if (authorization) {
			answer = await send(path, options, authorization);
			if (answer.status !== 401)
				granted.set(purpose, authorization);
		}
	}
	if (!answer.ok)
		throw await refusal(answer);
	return answer;
}

export async function askJson(path, options) {
	return (await ask(path, options)).json();
}

/* 'good', 'wrong' or 'useless': nobody needs to log in. */
export async function login(name, password) {
	const who = { name, password };
	const answer = await send('v2/', {}, null);
	if (answer.status !== 401)
		return 'useless';
	const authorization = await meet(answer.headers.get('WWW-Authenticate'), who);
	if (!authorization || !(await send('v2/', {}, authorization)).ok)
		return 'wrong';
	logout();
	account = who;
	return 'good';
}
