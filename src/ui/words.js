/* All that is said, in English and in Chinese. {name} is replaced by a value. */

const words = {
	skip: ['Skip to content', '跳到正文'],
	navigation: ['Main', '主导航'],
	repositories: ['Repositories', '仓库'],
	transfers: ['Transfers', '传输'],
	footer: ['sampan registry', 'sampan 镜像仓库'],
	otherLanguage: ['中文', 'English'],
	theme: ['Colours: {name}', '配色：{name}'],
	themeAuto: ['as the system', '跟随系统'],
	themeLight: ['light', '浅色'],
	themeDark: ['dark', '深色'],
	login: ['Log in', '登录'],
	logout: ['Log out {name}', '退出 {name}'],
	loggedIn: ['Logged in as {name}', '已登录：{name}'],
	loggedOut: ['Logged out', '已退出登录'],
	loginNote: ['Kept in this tab until it is closed or reloaded.', '仅保存在此标签页，关闭或刷新后失效。'],
	loginWrong: ['Wrong user or password.', '用户名或密码错误。'],
	loginNeeded: ['The registry asks for a log-in here.', '此操作需要登录。'],
	loginUseless: ['This registry asks nobody to log in.', '此仓库无需登录。'],
	loginElsewhere: ['Log-ins of this registry are at {name}; this page can’t ask there.', '此仓库的登录服务在 {name}，本页面无法使用。'],
	user: ['User', '用户'],
	password: ['Password', '密码'],
	cancel: ['Cancel', '取消'],
	delete: ['Delete', '删除'],
	deleteThis: ['Delete {name}', '删除 {name}'],
	deleteTag: ['Delete the tag {name}?', '删除标签 {name}？'],
	deleteTagText: ['What it points to goes with the next garbage collection, unless another tag or index needs it.',
		'若没有其他标签或索引引用，其内容将在下次垃圾回收时释放。'],
	deleteManifest: ['Delete the manifest {name}?', '删除清单 {name}？'],
	deleteManifestText: ['All tags that point to it go with it. This can’t be undone.', '指向它的所有标签将一并删除，且无法撤销。'],
	deleteManifestButton: ['Delete manifest', '删除清单'],
	deleteTagButton: ['Delete tag', '删除标签'],
	deleted: ['{name} is deleted', '已删除 {name}'],
	again: ['Try again', '重试'],
	failed: ['That did not work', '出错了'],
	noAnswer: ['The registry does not answer.', '仓库没有响应。'],
	notFound: ['There is nothing at this address.', '此地址没有内容。'],
	show: ['Show', '显示'],
	all: ['All', '全部'],
	cachedOf: ['cached', '缓存'],
	cachedText: ['The cache of {name}, filled as images are asked for.', '{name} 的缓存，按需填充。'],
	nothingCached: ['Nothing is cached yet.', '尚无缓存内容。'],
	pulled: ['Pulled', '拉取时间'],
	search: ['Search repositories', '搜索仓库'],
	searchHint: ['Press / to search', '按 / 搜索'],
	name: ['Name', '名称'],
	tags: ['Tags', '标签'],
	tag: ['Tag', '标签'],
	platforms: ['Platforms', '平台'],
	platform: ['Platform', '平台'],
	size: ['Size', '大小'],
	pushed: ['Pushed', '推送时间'],
	built: ['Built', '构建时间'],
	digest: ['Digest', '摘要'],
	actions: ['Actions', '操作'],
	artifact: ['artifact', '制品'],
	more: ['Show more', '显示更多'],
	shown: ['{n} shown', '已显示 {n} 项'],
	foundOne: ['1 repository', '1 个仓库'],
	found: ['{n} repositories', '{n} 个仓库'],
	foundMore: ['{n} repositories and more', '{n} 个以上仓库'],
	nothingFound: ['No repository has “{name}” in its name.', '没有名称包含“{name}”的仓库。'],
	empty: ['Nothing has been pushed yet.', '尚未推送任何内容。'],
	emptyHint: ['Push the first image:', '推送第一个镜像：'],
	noTags: ['This repository has no tags.', '此仓库没有标签。'],
	use: ['Use it', '使用'],
	client: ['Client', '客户端'],
	run: ['Run', '运行'],
	file: ['File {name}', '文件 {name}'],
	onceBefore: ['Once, before', '首次使用前'],
	pull: ['Pull', '拉取'],
	pod: ['In a pod', '在 Pod 中'],
	copy: ['Copy', '复制'],
	copyThis: ['Copy {name}', '复制 {name}'],
	copied: ['Copied', '已复制'],
	notCopied: ['The browser did not allow copying', '浏览器不允许复制'],
	noteLoopback: ['This address is of this machine only.', '此地址仅本机可用。'],
	mediaType: ['Media type', '媒体类型'],
	artifactType: ['Artifact type', '制品类型'],
	subject: ['Refers to', '引用对象'],
	author: ['Author', '作者'],
	entrypoint: ['Entrypoint', '入口点'],
	command: ['Command', '命令'],
	workdir: ['Working folder', '工作目录'],
	runsAs: ['User', '用户'],
	ports: ['Ports', '端口'],
	environment: ['Environment', '环境变量'],
	labels: ['Labels', '标注'],
	annotations: ['Annotations', '注解'],
	layers: ['Layers and history', '层与历史'],
	step: ['Step', '步骤'],
	made: ['Made by', '构建命令'],
	noHistory: ['(no history)', '（无历史）'],
	images: ['Images in this index', '索引中的镜像'],
	referrers: ['Referrers', '引用者'],
	noReferrers: ['Nothing refers to it.', '没有引用者。'],
	type: ['Type', '类型'],
	kind: ['Direction', '方向'],
	upload: ['upload', '上传'],
	download: ['download', '下载'],
	repository: ['Repository', '仓库'],
	fetch: ['fetch', '回源'],
	progress: ['Progress', '进度'],
	speed: ['Speed', '速度'],
	since: ['Time', '用时'],
	noTransfers: ['Nothing is being pushed or pulled.', '当前没有推送或拉取。'],
	transferFacts: ['{connections} connections · {requests} requests answered · live', '{connections} 个连接 · 已应答 {requests} 个请求 · 实时'],
	perSecond: ['{size}/s', '{size}/秒'],
	seconds: ['{n} s', '{n} 秒'],
};

let language = 'en';

function stored() {
	try {
		return localStorage.getItem('sampan-language');
	} catch {
		return null;
	}
}

/* The one that was chosen here, or the first of the browser's languages that we speak. */
export function chooseLanguage() {
	const wished = [stored(), ...navigator.languages].find(name => /^(en|zh)\b/.test(name ?? ''));
	language = wished?.startsWith('zh') ? 'zh' : 'en';
}

export function switchLanguage() {
	language = language === 'en' ? 'zh' : 'en';
	try {
		localStorage.setItem('sampan-language', language);
	} catch { /* then it is for this visit */ }
}

export function languageTag() {
	return language === 'zh' ? 'zh-CN' : 'en';
}

export function say(key, values = {}) {
	const text = words[key][language === 'zh' ? 1 : 0];
	return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}
