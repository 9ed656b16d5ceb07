/* A real `sampan serve` on a port that the kernel chose, and real pushes to it. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const TYPES = {
	manifest: 'application/vnd.oci.image.manifest.v1+json',
	index: 'application/vnd.oci.image.index.v1+json',
	config: 'application/vnd.oci.image.config.v1+json',
	layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
	empty: 'application/vnd.oci.empty.v1+json',
};

const sampan = process.env.SAMPAN ?? new URL('../../build/sampan', import.meta.url).pathname;

export function freePort() {
	return new Promise((resolve, reject) => {
		const server = createServer().on('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

/* Resolves when it says that it serves. `settings` is its registry.json; `users` are those who may log in: {name: [password, flag…]}. */
export async function startRegistry(settings = {}, flags = [], users = {}) {
	const folder = mkdtempSync(join(tmpdir(), 'sampan-browser-')), port = await freePort();
	writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
	for (const [name, [password, ...more]] of Object.entries(users))
		execFileSync(sampan, ['--root', join(folder, 'store'), 'user', 'add', '--password-stdin', ...more, name], { input: `${password}\n`, stdio: 'pipe' });
	const child = spawn(sampan, ['--root', join(folder, 'store'), 'serve', '--listen', `127.0.0.1:${port}`, '--config', join(folder, 'settings.json'), ...flags],
		{ stdio: ['ignore', 'ignore', 'pipe'] });
	let log = '';
	await new Promise((resolve, reject) => {
		child.stderr.on('data', bytes => {
			log += bytes;
			if (/serving .* on http/.test(log))
				resolve();
		});
		child.on('exit', code => reject(new Error(`serve ended with ${code}: ${log}`)));
	});
	const stop = () => new Promise(resolve => {
		child.removeAllListeners('exit');
		child.on('exit', () => {
			rmSync(folder, { recursive: true, force: true });
			resolve();
		});
		child.kill('SIGTERM');
	});
	return { url: `${flags.includes('--tls') ? 'https' : 'http'}://127.0.0.1:${port}`, port, pid: child.pid, folder, stop, log: () => log };
}

/* ---- pushes ---- */

const digestOf = bytes => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export class Pusher {
	constructor(url, headers = {}) {
		this.url = url;
		this.headers = headers;
	}

	async call(method, path, body, type) {
		const answer = await fetch(this.url + path, { method, body, headers: { ...this.headers, ...type ? { 'Content-Type': type } : {} } });
		if (!answer.ok)
			throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
		await answer.arrayBuffer();
		return answer;
	}

	async blob(repository, content, mediaType) {
		const bytes = Buffer.from(content), digest = digestOf(bytes);
		await this.call('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, bytes, 'application/octet-stream');
		return { mediaType, digest, size: bytes.length };
	}

	async manifest(repository, object, tag) {
		const text = JSON.stringify({ schemaVersion: 2, ...object }), digest = digestOf(text);
		await this.call('PUT', `/v2/${repository}/manifests/${tag ?? digest}`, text, object.mediaType);
		return { mediaType: object.mediaType, digest, size: Buffer.byteLength(text) };
	}

	/* An image whose layers are the given texts; `config` is added to its configuration. */
	async image(repository, tag, { platform = 'linux/riscv64', layers = ['layer'], config = {}, annotations } = {}) {
		const [os, architecture, variant] = platform.split('/');
		const settings = { os, architecture, variant, created: '2026-01-02T03:04:05Z', rootfs: { type: 'layers', diff_ids: layers.map(digestOf) }, ...config };
		const described = await this.blob(repository, JSON.stringify(settings), TYPES.config);
		const blobs = [];
		for (const layer of layers)
			blobs.push(await this.blob(repository, layer, TYPES.layer));
		const made = await this.manifest(repository, { mediaType: TYPES.manifest, config: described, layers: blobs, annotations }, tag);
		return { ...made, platform: { os, architecture, variant } };
	}

	index(repository, tag, manifests) {
		return this.manifest(repository, { mediaType: TYPES.index, manifests }, tag);
	}

	/* An artifact that refers to `subject`. */
	async artifact(repository, subject, artifactType, annotations = {}) {
		const empty = await this.blob(repository, '{}', TYPES.empty);
		const { mediaType, digest, size } = subject;
		return this.manifest(repository, { mediaType: TYPES.manifest, artifactType, config: empty, layers: [empty], subject: { mediaType, digest, size }, annotations });
	}
}

/* ---- what the tests look at ---- */

export const HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>"\'&amp;';

export async function fill(registry, { repositories = 500 } = {}) {
	const pusher = new Pusher(registry.url);
	const history = [
		{ created_by: '/bin/sh -c #(nop) ADD rootfs.tar /' },
		{ created_by: 'ENV PATH=/usr/bin', empty_layer: true },
		{ created_by: 'RUN /bin/sh -c make install # buildkit' },
	];
	const big = Buffer.alloc(2 << 20, 'sampan ');
	const riscv = await pusher.image('riscv64/redis', null, { layers: [big, 'second layer'], config: { history, author: 'Ada',
		config: { Entrypoint: ['redis-server'], Cmd: ['--port', '6379', 'a b'], Env: ['PATH=/usr/bin', 'LANG=C.UTF-8'], WorkingDir: '/data', User: 'redis',
			ExposedPorts: { '6379/tcp': {} }, Labels: { 'org.opencontainers.image.source': 'https://example.org/redis' } } } });
	const amd = await pusher.image('riscv64/redis', null, { platform: 'linux/amd64', layers: ['amd64 layer'] });
	const arm = await pusher.image('riscv64/redis', null, { platform: 'linux/arm/v7', layers: ['arm layer'] });
	const index = await pusher.index('riscv64/redis', '1.1', [riscv, amd, arm]);
	await pusher.index('riscv64/redis', 'latest', [riscv, amd, arm]);
	await pusher.call('PUT', `/v2/riscv64/redis/manifests/${riscv.digest}?tag=only-riscv64`, JSON.stringify(await (await fetch(
		`${registry.url}/v2/riscv64/redis/manifests/${riscv.digest}`)).json()), TYPES.manifest);
	await pusher.artifact('riscv64/redis', index, 'application/vnd.example.sbom+json', { 'org.example.note': 'made by hand' });

	const hostile = await pusher.image('hostile/names', 'latest', { platform: 'linux/riscv64', annotations: { [HOSTILE]: HOSTILE, link: 'javascript:alert(1)' },
		config: { author: HOSTILE, architecture: 'riscv64', history: [{ created_by: HOSTILE }, { created_by: 5 }, null],
			config: { Labels: { evil: HOSTILE, url: 'javascript:window.pwned=3', good: 'https://example.org/a?b=<c>' }, Env: [HOSTILE], Entrypoint: [HOSTILE], Cmd: 'x' } } });
	await pusher.artifact('hostile/names', hostile, 'text/html', { '</td><script>window.pwned=4</script>': HOSTILE });

	/* Through one repository, then mounted: a page over hundreds needs many names, not many bytes. */
	const one = await pusher.image('many/r000', 'v1', { layers: ['many'] });
	const text = await (await fetch(`${registry.url}/v2/many/r000/manifests/${one.digest}`)).text();
	const blobs = [JSON.parse(text).config, ...JSON.parse(text).layers];
	for (let i = 1; i < repositories; i++) {
		const name = `many/r${String(i).padStart(3, '0')}`;
		await Promise.all(blobs.map(({ digest }) => pusher.call('POST', `/v2/${name}/blobs/uploads/?mount=${digest}&from=many/r000`)));
		await pusher.call('PUT', `/v2/${name}/manifests/v1`, text, TYPES.manifest);
	}
	return { riscv, amd, arm, index, hostile };
}
