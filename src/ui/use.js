/* Lines to copy: how a client is told about this registry, once, and then pulls. Scheme and host are those by which the browser got here, so they
 * are right behind any proxy that the browser went through. */
import { choices, copyButton, make } from './dom.js';
import { say } from './words.js';

/* Without a dot or a port, docker would take a name for one of the hub's. */
function registryHost() {
	const { hostname, host, port, protocol } = location;
	if (port || hostname.includes('.') || hostname.includes(':') || hostname === 'localhost')
		return host;
	return `${hostname}:${protocol === 'https:' ? 443 : 80}`;
}

const secure = location.protocol === 'https:';
const host = registryHost();
const loopback = /^(localhost|127\.[\d.]+|\[::1\])(:|$)/.test(host);
const plain = !secure && !loopback;

/* Has the registry a certificate authority of its own? Asked once, and only where there is a certificate. */
let authority = null;
function hasAuthority() {
	authority ??= secure ? fetch('ca.crt', { method: 'HEAD', credentials: 'omit' }).then(answer => answer.ok, () => false) : Promise.resolve(false);
	return authority;
}

const fetchAuthority = path => `mkdir -p ${path.replace(/\/[^/]*$/, '')}\ncurl -ko ${path} https://${host}/ca.crt`;

/* ---- for each client: [what it is for, lines] ---- */

const clients = {
	docker: (image, own) => [
		plain && [say('file', { name: '/etc/docker/daemon.json' }), `{ "insecure-registries": ["${host}"] }`],
		own && [say('onceBefore'), fetchAuthority(`/etc/docker/certs.d/${host}/ca.crt`)],
		[say('pull'), `docker pull ${image}`],
	],
	containerd: (image, own) => [
		own && [say('onceBefore'), fetchAuthority(`/etc/containerd/certs.d/${host}/ca.crt`)],
		[say('file', { name: `/etc/containerd/certs.d/${host}/hosts.toml` }), [
			`server = "${location.protocol}//${host}"`,
			'',
			`[host."${location.protocol}//${host}"]`,
			'  capabilities = ["pull", "resolve"]',
			own && `  ca = "/etc/containerd/certs.d/${host}/ca.crt"`,
		].filter(line => line !== false).join('\n')],
		[say('pull'), `ctr images pull --hosts-dir /etc/containerd/certs.d ${image}`],
	],
	K3s: (image, own) => [
		own && [say('onceBefore'), fetchAuthority('/etc/rancher/k3s/sampan-ca.crt')],
		[say('file', { name: '/etc/rancher/k3s/registries.yaml' }), [
			'mirrors:',
			`  "${host}":`,
			'    endpoint:',
			`      - "${location.protocol}//${host}"`,
			...own ? ['configs:', `  "${host}":`, '    tls:', '      ca_file: /etc/rancher/k3s/sampan-ca.crt'] : [],
		].join('\n')],
		[say('pod'), `image: ${image}`],
	],
	sampan: (image, own) => [
		[say('onceBefore'), `sampan join ${host}`],
		[say('pull'), `sampan pull ${plain ? '--plain-http ' : ''}${own ? '--ca-file ca.crt ' : ''}${image}`],
	],
};

let chosen = 'docker';

function block(title, lines) {
	return make('figure', { class: 'lines' }, make('figcaption', {}, title, copyButton(lines, title)), make('pre', { tabindex: '0', 'aria-label': title },
		make('code', {}, lines)));
}

/* `reference` is ":TAG" or "@DIGEST". */
export function usePanel(repository, reference) {
	const image = `${host}/${repository}${reference}`, place = make('div', { class: 'blocks' });

	const show = async () => {
		const own = await hasAuthority();
		place.replaceChildren(...clients[chosen](image, own).filter(Boolean).map(([title, lines]) => block(title, lines)));
	};
	const choose = client => { chosen = client; show(); };
	show();
	return make('div', { class: 'use' }, choices('client', say('client'), Object.keys(clients).map(client => [client, client]), chosen, choose), place,
		loopback ? make('p', { class: 'soft' }, say('noteLoopback')) : null);
}

export function linesToPush() {
	return block(say('run'), `docker tag IMAGE ${host}/IMAGE\ndocker push ${host}/IMAGE`);
}
