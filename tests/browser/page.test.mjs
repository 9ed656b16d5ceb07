/* The web page in a real browser, against a real server. One server and one browser for all tests; those that change something use repositories of
 * their own. SCREENSHOTS=FOLDER keeps pictures to look at. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessFaults, tabOrder } from './access.mjs';
import { go, picture, startBrowser, visit } from './browser.mjs';
import { fill, HOSTILE, Pusher, startRegistry, TYPES } from './registry.mjs';

let registry, browser, images, pusher;

before(async () => {
	registry = await startRegistry();
	pusher = new Pusher(registry.url);
	[images, browser] = await Promise.all([fill(registry), startBrowser()]);
});
after(async () => {
	await browser?.close();
	await registry?.stop();
});

const texts = locator => locator.allTextContents();
const rows = page => page.locator('main tbody tr');
const see = (hash, look, options = {}) => visit(browser, registry.url, { hash, ...options }, look);

test('repositories come with platforms, tags and sizes, page by page', () => see('#/', async page => {
	assert.equal(await page.title(), 'Repositories — sampan');
	assert.equal(await rows(page).count(), 50);
	assert.equal((await texts(page.locator('.count')))[0], '50 repositories and more');
	await page.getByRole('button', { name: 'Show more' }).click();
	await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 100);
	assert.equal(await page.evaluate(() => document.activeElement.textContent), await rows(page).nth(50).locator('a').textContent());
	for (let shown = 150; shown <= 550; shown += 50) {
		await page.getByRole('button', { name: 'Show more' }).click();
		await page.waitForFunction(shown => document.querySelectorAll('main tbody tr').length === Math.min(shown, 502), shown);
	}
	assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
	assert.equal((await texts(page.locator('.count')))[0], '502 repositories');
	const redis = page.locator('tbody tr', { hasText: 'riscv64/redis' });
	assert.deepEqual((await texts(redis.locator('th, td'))).slice(0, 4), ['riscv64/redis', 'riscv64amd64arm/v7', '3', '2.10 MB']);
	assert.equal(await redis.locator('.chip.marked').textContent(), 'riscv64');
}));

test('search finds parts of names, says when nothing is found, and is in the address', () => see('#/', async page => {
	await page.keyboard.press('/');
	await page.keyboard.type('redis');
	await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
	assert.equal(await page.locator('#status').textContent(), '1 repository');
	assert.match(page.url(), /#\/\?q=redis$/);
	await page.locator('#search').fill('<b>no</b>+ &%');
	await page.locator('.empty').waitFor();
	assert.equal(await page.locator('.empty').textContent(), 'No repository has “<b>no</b>+ &%” in its name.');
	await page.reload();
	assert.equal(await page.locator('#search').inputValue(), '<b>no</b>+ &%');
}));

test('tags show platforms with riscv64 marked, digest, size and age', () => see('#/riscv64/redis', async page => {
	assert.deepEqual(await texts(page.locator('tbody th')), ['1.1', 'latest', 'only-riscv64']);
	const first = rows(page).first();
	assert.deepEqual(await texts(first.locator('.chip')), ['riscv64', 'amd64', 'arm/v7']);
	assert.deepEqual(await texts(first.locator('.marked')), ['riscv64']);
	assert.equal(await first.locator('.digest a').getAttribute('title'), images.index.digest);
	assert.equal(await first.locator('time').first().getAttribute('datetime'), '2026-01-02T03:04:05.000Z');
	assert.match(await first.locator('time').last().textContent(), /^(now|\d+ (second|minute)s? ago)$/);
	await picture(page, 'tags');
}));

test('an index leads to its images, and shows what refers to it', () => see('#/riscv64/redis:1.1', async page => {
	assert.deepEqual(await texts(page.locator('section').first().locator('.chip')), ['riscv64', 'amd64', 'arm/v7']);
	const referrers = page.locator('section', { has: page.locator('h2', { hasText: 'Referrers' }) });
	assert.deepEqual(await texts(referrers.locator('tbody th')), ['application/vnd.example.sbom+json']);
	assert.equal(await referrers.locator('li').textContent(), 'org.example.note made by hand');
	await picture(page, 'index');
	await page.getByRole('link', { name: 'riscv64', exact: true }).click();
	await page.locator('h1', { hasText: images.riscv.digest.slice(7, 19) }).waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.localName), 'h1');
}));

test('an image shows its layers beside the steps that made them, and how it runs', () => see('#/riscv64/redis:only-riscv64', async page => {
	const cells = await Promise.all((await rows(page).all()).slice(0, 3).map(row => texts(row.locator('th, td'))));
	assert.deepEqual(cells.map(row => row.slice(0, 3)), [['1', 'ADD rootfs.tar /', '2.10 MB'], ['2', 'ENV PATH=/usr/bin', '—'],
		['3', 'RUN /bin/sh -c make install', '12 B']]);
	const facts = Object.fromEntries(await page.locator('dl > div').evaluateAll(all => all.map(one => [one.children[0].textContent, one.children[1].textContent])));
	assert.equal(facts.Entrypoint, 'redis-server');
	assert.equal(facts.Command, '--port 6379 "a b"');
	assert.equal(facts.Author, 'Ada');
	assert.equal(facts.Ports, '6379/tcp');
	assert.ok(facts.Digest.startsWith(images.riscv.digest));
	assert.equal(await page.getByRole('link', { name: 'https://example.org/redis' }).getAttribute('rel'), 'noopener noreferrer nofollow');
	await picture(page, 'image');
}));

test('hostile text stays text, and only http links are links', () => see('#/hostile/names:latest', async page => {
	const shown = await page.locator('main').textContent();
	for (const text of [HOSTILE, 'javascript:window.pwned=3', '</td><script>window.pwned=4</script>'])
		assert.ok(shown.includes(text), text);
	assert.equal(await page.locator('main :is(img, script)').count(), 0);
	assert.deepEqual(await page.locator('main dl a').evaluateAll(all => all.map(link => link.protocol)), ['https:']);
	await picture(page, 'hostile');
	for (const hash of ['#/hostile/names', '#/<img src=x onerror=window.pwned=5>', '#/%3Cscript%3E', '#/%', '#/a:b:c@d', '#/riscv64/redis@sha256:00']) {
		await go(page, hash);
		assert.equal(await page.locator('main :is(img, script)').count(), 0);
	}
}, { expected: /status of 40[04]/ }));

test('lines to copy have the host and scheme that the browser sees', () => see('#/riscv64/redis', async page => {
	const host = registry.url.replace('http://', ''), lines = () => texts(page.locator('.lines code'));
	assert.deepEqual(await lines(), [`docker pull ${host}/riscv64/redis:latest`]);
	await page.getByRole('radio', { name: 'containerd' }).check();
	await page.locator('.lines code', { hasText: 'ctr images pull' }).waitFor();
	assert.deepEqual(await lines(), [`server = "${registry.url}"\n\n[host."${registry.url}"]\n  capabilities = ["pull", "resolve"]`,
		`ctr images pull --hosts-dir /etc/containerd/certs.d ${host}/riscv64/redis:latest`]);
	await page.keyboard.press('ArrowRight');
	await page.locator('.lines code', { hasText: 'mirrors:' }).waitFor();
	assert.deepEqual(await lines(), [`mirrors:\n  "${host}":\n    endpoint:\n      - "${registry.url}"`, `image: ${host}/riscv64/redis:latest`]);
	await page.keyboard.press('ArrowRight');
	await page.locator('.lines code', { hasText: 'sampan pull' }).waitFor();
	assert.deepEqual(await lines(), [`sampan join ${host}`, `sampan pull ${host}/riscv64/redis:latest`]);
	await page.locator('.lines button').last().click();
	assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `sampan pull ${host}/riscv64/redis:latest`);
	assert.equal(await page.locator('#status').textContent(), 'Copied');
}, { permissions: ['clipboard-read', 'clipboard-write'] }));

test('over HTTPS with an authority of our own the lines say how to trust it', async () => {
	const secure = await startRegistry({}, ['--tls', 'auto']);
	try {
		await visit(browser, secure.url, {}, async page => {
			await page.locator('.lines code').waitFor();
			assert.equal(await page.locator('.lines code').textContent(), `docker tag IMAGE 127.0.0.1:${secure.port}/IMAGE\ndocker push 127.0.0.1:${secure.port}/IMAGE`);
			await page.evaluate(async () => {
				const { usePanel } = await import('./ui/use.js');
				document.querySelector('main').append(usePanel('a/b', ':1'));
			});
			await page.getByRole('radio', { name: 'K3s' }).first().check();
			await page.locator('.lines code', { hasText: 'ca_file' }).waitFor();
			const lines = await texts(page.locator('.use .lines code'));
			assert.match(lines[0], /^mkdir -p \/etc\/rancher\/k3s\ncurl -ko \/etc\/rancher\/k3s\/sampan-ca.crt https:\/\/127/);
			assert.match(lines[1], /endpoint:\n {6}- "https:.*\n {4}tls:\n {6}ca_file: \/etc\/rancher\/k3s\/sampan-ca.crt$/s);
		});
	} finally {
		await secure.stop();
	}
});

test('a tag is deleted after a question; Escape and Cancel keep it', async () => {
	for (const tag of ['one', 'two'])
		await pusher.image('delete/tags', tag);
	await see('#/delete/tags', async page => {
		const button = page.getByRole('button', { name: 'Delete one' });
		await button.click();
		assert.equal(await page.locator('#confirm-title').textContent(), 'Delete the tag one?');
		assert.deepEqual(await accessFaults(page), []);
		await picture(page, 'delete');
		await page.keyboard.press('Escape');
		await button.click();
		await page.getByRole('button', { name: 'Cancel' }).click();
		assert.equal(await rows(page).count(), 2);
		await button.click();
		await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click();
		await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
		assert.equal(await page.locator('#status').textContent(), 'one is deleted');
		assert.equal(await page.evaluate(() => document.activeElement.textContent), 'two');
		assert.equal((await fetch(`${registry.url}/v2/delete/tags/manifests/one`)).status, 404);
		assert.equal((await fetch(`${registry.url}/v2/delete/tags/manifests/two`)).status, 200);
	});
});

test('a manifest is deleted with its tags', async () => {
	const image = await pusher.image('delete/manifest', 'v1');
	await see('#/delete/manifest:v1', async page => {
		await page.getByRole('button', { name: 'Delete manifest' }).click();
		await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click();
		await page.waitForURL(/#\/delete\/manifest$/);
		assert.equal((await fetch(`${registry.url}/v2/delete/manifest/manifests/${image.digest}`)).status, 404);
	}, { expected: /status of 404/ });
});

test('a failure is told, and can be tried again', () => see('#/', async page => {
	await go(page, '#/no/such');
	assert.match(await page.locator('[role=alert]').first().textContent(), /There is nothing at this address\..*no repository no\/such/);
	await page.route('**/v2/**', route => route.abort());
	await go(page, '#/riscv64/redis');
	assert.equal(await page.locator('main [role=alert]').textContent(), 'The registry does not answer.');
	await page.unroute('**/v2/**');
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.locator('tbody tr').first().waitFor();
}, { expected: /status of 404|ERR_FAILED/ }));

test('transfers are seen while they last', () => see('#/_transfers', async page => {
	assert.equal(await page.locator('.empty').textContent(), 'Nothing is being pushed or pulled.');
	const bytes = Buffer.alloc(64 << 20), { digest } = await pusher.blob('moving/blob', bytes, TYPES.layer);
	const leave = new AbortController();
	const answer = await fetch(`${registry.url}/v2/moving/blob/blobs/${digest}`, { signal: leave.signal });
	await answer.body.getReader().read();
	await page.locator('tbody tr').waitFor();
	const cells = await texts(page.locator('tbody tr th, tbody tr td'));
	assert.deepEqual(cells.slice(0, 3), ['download', 'moving/blob', digest.slice(7, 19)]);
	assert.equal(cells[4], '67.1 MB');
	assert.ok(await page.locator('progress').evaluate(bar => bar.value < 100 && bar.max === 100));
	assert.deepEqual(await accessFaults(page), []);
	await picture(page, 'transfers');
	leave.abort();
	await page.locator('.empty').waitFor();
	let asked = 0;
	page.on('request', request => { asked += request.url().includes('_sampan/transfers'); });
	await go(page, '#/riscv64/redis');
	asked = 0;
	await page.waitForTimeout(3500);
	assert.equal(asked, 0, 'nobody looks, nobody asks');
}));

test('Chinese by the browser’s language, switched and remembered', () => see('#/riscv64/redis', async page => {
	assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
	assert.deepEqual((await texts(page.locator('thead th'))).slice(0, 4), ['标签', '平台', '摘要', '大小']);
	assert.deepEqual(await accessFaults(page), []);
	await picture(page, 'chinese');
	await page.getByRole('button', { name: 'English' }).click();
	await page.locator('thead th', { hasText: 'Platforms' }).waitFor();
	await page.reload();
	await page.locator('thead th', { hasText: 'Platforms' }).waitFor();
	assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
}, { locale: 'zh-CN' }));

test('every word is there in both languages', () => see('#/', async page => {
	const [en, zh] = await page.evaluate(async () => {
		const { say, switchLanguage } = await import('./ui/words.js');
		const source = await (await fetch('ui/words.js')).text();
		const keys = [...source.matchAll(/^\t(\w+): \[/gm)].map(([, key]) => key);
		const all = () => keys.map(key => [key, say(key)]);
		const first = all();
		switchLanguage();
		return [first, all()];
	});
	assert.ok(en.length > 80);
	const holes = text => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join();
	for (const [i, [key, text]] of en.entries()) {
		assert.ok(text && zh[i][1], key);
		assert.equal(holes(text), holes(zh[i][1]), key);
	}
}));

test('light and dark by the system, switched and remembered', () => see('#/', async page => {
	const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const dark = await ground();
	await page.emulateMedia({ colorScheme: 'light' });
	const light = await ground();
	assert.notEqual(light, dark);
	const button = page.getByRole('button', { name: 'Colours' });
	await button.click();
	assert.equal(await ground(), dark);
	await page.reload();
	await rows(page).first().waitFor();
	assert.equal(await ground(), dark);
	await button.click();
	await page.emulateMedia({ colorScheme: 'dark' });
	assert.equal(await ground(), light);
	await button.click();
	assert.equal(await ground(), dark);
}, { colorScheme: 'dark' }));

for (const colorScheme of ['light', 'dark'])
	for (const width of [1280, 320])
		test(`names, structure, contrast and room: ${colorScheme}, ${width} px wide`, () => see('#/', async page => {
			for (const hash of ['#/', '#/riscv64/redis', '#/riscv64/redis:1.1', '#/riscv64/redis:only-riscv64', '#/hostile/names:latest', '#/_transfers', '#/?q=none%20such']) {
				if (hash !== '#/')
					await go(page, hash);
				assert.deepEqual(await accessFaults(page), [], hash);
				await picture(page, `${colorScheme}-${width}-${hash.replace(/\W+/g, '-')}`);
			}
			await page.getByRole('button', { name: 'Log in' }).click();
			assert.deepEqual(await accessFaults(page), [], 'the log-in');
			await picture(page, `${colorScheme}-${width}-login`);
		}, { colorScheme, viewport: { width, height: 900 } }));

test('all by keyboard: an order that makes sense, a focus that is seen, a way in and out', () => see('#/riscv64/redis', async page => {
	const order = await tabOrder(page);
	assert.ok(order.every(({ seen }) => seen), JSON.stringify(order.filter(({ seen }) => !seen)));
	assert.deepEqual(order.slice(0, 6).map(({ name }) => name), ['Skip to content', 'sampan', 'Repositories', 'Transfers', '中文', 'Colours: as the system']);
	assert.deepEqual(order.filter(({ main }) => main).slice(0, 4).map(({ name }) => name), ['1.1', images.index.digest.slice(7, 19),
		`Copy ${images.index.digest.slice(7, 19)}`, 'Delete 1.1']);
	await page.evaluate(() => document.activeElement.blur());
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	await page.locator('h1', { hasText: ':1.1' }).waitFor();
	await page.keyboard.press('/');
	await page.waitForFunction(() => document.activeElement.id === 'search');
	await page.getByRole('button', { name: 'Log in' }).focus();
	await page.keyboard.press('Enter');
	assert.equal(await page.evaluate(() => document.activeElement.name), 'user');
	await page.keyboard.press('Escape');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'account');
}));

const basic = (name, password) => ({ Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` });

async function logIn(page, user, password) {
	await page.locator('#login[open]').waitFor();
	await page.locator('[name=user]').fill(user);
	await page.locator('[name=password]').fill(password);
	await page.locator('#login').getByRole('button', { name: 'Log in' }).click();
}

for (const challenge of ['bearer', 'basic'])
	test(`delete asks for a log-in where pulling doesn’t, and what it takes is kept in the tab only (${challenge})`, async () => {
		const guarded = await startRegistry({ access: { challenge } }, ['--anonymous', 'pull'], { ada: ['pässword:1'] });
		try {
			const owner = new Pusher(guarded.url, basic('ada', 'pässword:1'));
			for (const tag of ['one', 'two'])
				await owner.image('team/app', tag);
			await visit(browser, guarded.url, { hash: '#/team/app', expected: /status of 40[14]/ }, async page => {
				assert.equal(await rows(page).count(), 2);
				await page.getByRole('button', { name: 'Delete one' }).click();
				await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click();
				await logIn(page, 'ada', 'wrong');
				await page.locator('#login-why', { hasText: 'Wrong user or password.' }).waitFor();
				await logIn(page, 'ada', 'pässword:1');
				await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
				assert.equal((await fetch(`${guarded.url}/v2/team/app/manifests/one`, { headers: basic('ada', 'pässword:1') })).status, 404);
				assert.equal(await page.locator('#account').textContent(), 'Log out ada');
				assert.equal(await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])), '["",{},{}]');
				await page.reload();
				await rows(page).first().waitFor();
				assert.equal(await page.locator('#account').textContent(), 'Log in');
				await page.getByRole('button', { name: 'Delete two' }).click();
				await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click();
				await page.locator('#login').getByRole('button', { name: 'Cancel' }).click();
				assert.equal(await page.locator('.failure').textContent(), 'The registry asks for a log-in here.');
				assert.equal(await rows(page).count(), 1);
			});
		} finally {
			await guarded.stop();
		}
	});

test('where nothing may be seen without a log-in, that is asked for; rules say what is seen with one', async () => {
	const rules = [{ repositories: ['public/*'], users: ['eve'], actions: ['pull', 'catalog'] }];
	const closed = await startRegistry({ access: { rules } }, [], { ada: ['sesame', '--group', 'admin'], eve: ['sesame'] });
	try {
		const owner = new Pusher(closed.url, basic('ada', 'sesame'));
		await owner.image('public/app', 'v1');
		await owner.image('secret/app', 'v1');
		await visit(browser, closed.url, { hash: '', expected: /status of 40[13]/ }, async page => {
			await page.locator('#login').getByRole('button', { name: 'Cancel' }).click();
			assert.equal(await page.locator('main [role=alert]').textContent(), 'The registry asks for a log-in here.');
			assert.ok(!(await page.content()).includes('secret'));
			await page.getByRole('button', { name: 'Try again' }).click();
			await logIn(page, 'eve', 'sesame');
			await rows(page).first().waitFor();
			assert.deepEqual(await texts(page.locator('tbody th')), ['public/app']);
			await page.locator('tbody a').first().click();
			await page.getByRole('button', { name: 'Delete v1' }).click();
			await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click();
			await page.locator('.failure').waitFor();
			assert.equal(await rows(page).count(), 1);
			await go(page, '#/secret/app');
			assert.equal(await page.locator('h1').textContent(), 'That did not work');
			await page.getByRole('button', { name: 'Log out eve' }).click();
			await logIn(page, 'ada', 'sesame');
			await rows(page).first().waitFor();
			await go(page, '#/');
			assert.deepEqual(await texts(page.locator('tbody th')), ['public/app', 'secret/app']);
		});
	} finally {
		await closed.stop();
	}
});

test('what came from an upstream is marked, and can be looked at alone', async () => {
	const cache = await startRegistry({ upstreams: [{ prefix: 'hub', url: registry.url }] });
	try {
		await new Pusher(cache.url).image('own/app', 'v1');
		const manifest = await (await fetch(`${cache.url}/v2/hub/riscv64/redis/manifests/only-riscv64`)).json();
		await (await fetch(`${cache.url}/v2/hub/riscv64/redis/blobs/${manifest.config.digest}`)).json();
		await visit(browser, cache.url, {}, async page => {
			assert.deepEqual(await texts(page.locator('tbody th')), ['hub/riscv64/redis cached', 'own/app']);
			await page.getByRole('radio', { name: 'hub' }).check();
			await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
			assert.equal(await page.locator('.results > p').first().textContent(), `The cache of ${registry.url}, filled as images are asked for.`);
			assert.deepEqual(await accessFaults(page), []);
			await picture(page, 'cached');
			await page.reload();
			await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
			await page.locator('tbody a').first().click();
			await page.locator('thead th', { hasText: 'Pulled' }).waitFor();
		});
	} finally {
		await cache.stop();
	}
});

test('the page works below a path that a proxy puts in front', async () => {
	const behind = await startRegistry({ 'external-url': 'http://127.0.0.1/registry' });
	try {
		await new Pusher(behind.url).image('team/app', 'v1');
		await visit(browser, behind.url, { hash: 'registry/#/team/app' }, async page => {
			assert.equal(await rows(page).count(), 1);
			assert.ok(await page.evaluate(() => performance.getEntriesByType('resource').every(({ name }) => name.includes('/registry/'))));
		});
	} finally {
		await behind.stop();
	}
});

test('an empty registry says what to do', async () => {
	const empty = await startRegistry();
	try {
		await visit(browser, empty.url, {}, async page => {
			assert.match(await page.locator('.empty').textContent(), /^Nothing has been pushed yet\..*docker push 127\.0\.0\.1:/s);
			assert.deepEqual(await accessFaults(page), []);
			await picture(page, 'empty');
		});
	} finally {
		await empty.stop();
	}
});
