/* Logging in: passwords, the memory of them, damping, tokens of ours and what ends them; with a real store. */
#include <time.h>

#include "base/fd.h"
#include "registry/access.h"
#include "store/store.h"
#include "tap.h"

static const char *const HERE = "192.0.2.1";
static struct access *access_of;

static int try(const char *address, const char *name, const char *password, struct caller *ret)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int wait;

	caller_clear(ret);
	return caller_login(access_of, address, name, password, ret, &wait, &err) == 0 ? 0 : wait ? wait : -1;
}

static void make_user(struct store *store, const char *name, const char *password)
{
	struct account account _cleanup_(account_clear) = { .name = xstrdup(name) };
	struct error err = { 0 };

	works(password_hash(password, &account.hash, &err), &err, "a hash");
	works(accounts_add(store_dir(store), &account, &err), &err, name);
}

static char *make_robot(struct store *store, const char *name, const char *rule, time_t expires)
{
	struct account account _cleanup_(account_clear) = { .name = xstrdup(name), .robot = true, .expires = expires };
	char *secret = secret_make();
	struct error err = { 0 };

	account.hash = secret_hash(secret);
	works(rules_add_text(&account.rules, rule, &err), &err, "a rule");
	works(accounts_add(store_dir(store), &account, &err), &err, name);
	return secret;
}

static double seconds_of(const char *name, const char *password)
{
	struct caller caller _cleanup_(caller_clear) = { 0 };
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	try(HERE, name, password, &caller);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void passwords(struct store *store)
{
	struct caller caller _cleanup_(caller_clear) = { 0 };
	struct error err = { 0 };
	_cleanup_(freep) char *other = NULL;

	make_user(store, "alice", "right");
	is_int(try(HERE, "alice", "right", &caller), 0, "the right password");
	ok(caller.kind == CALLER_USER && str_equal(caller.name, "alice"), "is alice's");
	is_int(try(HERE, "alice", "wrong", &caller), -1, "a wrong one");
	is_int(try(HERE, "alice", "", &caller), -1, "an empty one");
	is_int(try(HERE, "eve", "right", &caller), -1, "a user that isn't there");
	is_int(try(HERE, "", "", &caller), -1, "no name");
	double known = seconds_of("alice", "right"), wrong = seconds_of("alice", "wrong"), nobody = seconds_of("eve", "wrong");
	ok(known < wrong / 10, "what was right before is not computed again (%.4f s, %.4f s)", known, wrong);
	ok(nobody > wrong / 2 && nobody < wrong * 2, "a user that isn't there takes as long as one that is (%.4f s)", nobody);
	works(password_hash("other", &other, &err), &err, "another password");
	works(accounts_set_hash(store_dir(store), "alice", other, &err), &err, "is set");
	is_int(try(HERE, "alice", "right", &caller), -1, "the old one is forgotten at once");
	is_int(try(HERE, "alice", "other", &caller), 0, "the new one is right");
}

static void robots(struct store *store)
{
	struct caller caller _cleanup_(caller_clear) = { 0 };
	struct error err = { 0 };
	_cleanup_(freep) char *secret = make_robot(store, "ci", "team/*:pull,push", time(NULL) + 100);
	_cleanup_(freep) char *ended = make_robot(store, "old", "*:*", time(NULL) - 1);

	is_int(try(HERE, "ci", secret, &caller), 0, "a robot's secret");
	is_int(caller_actions(access_of, &caller, "team/a"), ACTION_BIT(ACTION_PULL) | ACTION_BIT(ACTION_PUSH), "may what its rules say");
	is_int(caller_actions(access_of, &caller, "other"), 0, "and nothing elsewhere");
	is_int(try(HERE, "alice", secret, &caller), -1, "it is no user's");
	is_int(try(HERE, "ci", ended, &caller), -1, "and not another robot's");
	is_int(try(HERE, "old", ended, &caller), -1, "one that has ended");
	works(accounts_remove(store_dir(store), "ci", &err), &err, "taken away");
	is_int(try(HERE, "ci", secret, &caller), -1, "it is out at once");
}

static int use(const char *token, const char *certificate, struct caller *ret)
{
	struct error err _cleanup_(error_clear) = { 0 };

	caller_clear(ret);
	return caller_from_token(access_of, token, certificate, ret, &err);
}

static void tokens(struct store *store)
{
	struct caller caller _cleanup_(caller_clear) = { 0 }, again _cleanup_(caller_clear) = { 0 };
	struct grants grants _cleanup_(grants_free) = { 0 };
	struct error err = { 0 };
	time_t now = time(NULL);

	works(grants_add_scope(&grants, "repository:a:pull", &err), &err, "a scope");
	is_int(try(HERE, "alice", "other", &caller), 0, "alice");
	_cleanup_(freep) char *token = caller_token(access_of, &caller, &grants, now), *refresh = caller_refresh_token(access_of, &caller, now);
	_cleanup_(freep) char *past = caller_token(access_of, &caller, &grants, now - 4000), *future = caller_token(access_of, &caller, &grants, now + 1000);
	is_int(use(token, NULL, &again), 0, "her token");
	ok(again.limited && str_equal(again.name, "alice") && grants_actions(&again.grants, "a") == ACTION_BIT(ACTION_PULL), "is hers, for what was asked");
	is_int(use(token, NULL, &again), 0, "and a second time");
	is_int(use(past, NULL, &again), -1, "one that has ended");
	is_int(use(future, NULL, &again), -1, "one that has not begun");
	is_int(use(refresh, NULL, &again), -1, "a refresh token is no token");
	is_int(caller_from_refresh(access_of, token, &again, &err), -1, "and a token refreshes nothing");
	error_clear(&err);
	works(caller_from_refresh(access_of, refresh, &again, &err), &err, "a refresh token refreshes");
	_cleanup_(freep) char *forged = xprintf("%.*sA", (int)strlen(token) - 1, token);
	forged[strlen(forged) - 2] ^= 1;
	is_int(use(forged, NULL, &again), -1, "another signature");
	works(accounts_remove(store_dir(store), "alice", &err), &err, "alice is taken away");
	is_int(use(token, NULL, &again), -1, "and her token with her");
	ok(caller_from_refresh(access_of, refresh, &again, &err) < 0, "and what would refresh it");
	error_clear(&err);
	make_user(store, "alice", "other");
	is_int(use(token, NULL, &again), -1, "another alice does not inherit it");
}

static void certificates(void)
{
	struct caller caller _cleanup_(caller_clear) = { 0 }, again _cleanup_(caller_clear) = { 0 };
	struct grants none = { 0 };

	caller_from_certificate(access_of, "board1", &caller);
	is_str(caller.name, "cert:board1", "a certificate's name");
	_cleanup_(freep) char *token = caller_token(access_of, &caller, &none, time(NULL));
	is_int(use(token, "board1", &again), 0, "its token, over a connection with it");
	is_int(use(token, "board2", &again), -1, "with another certificate");
	is_int(use(token, NULL, &again), -1, "and without");
}

static void damping(struct store *store)
{
	struct caller caller _cleanup_(caller_clear) = { 0 };
	_cleanup_(freep) char *secret = make_robot(store, "ci", "*:pull", 0);
	struct damping small;
	int guesses = 0, wait;

	is_int(try("192.0.2.9", "alice", "other", &caller), 0, "alice logs in before it begins");
	while ((wait = try("192.0.2.7", "alice", "guess", &caller)) < 0 && guesses < 100)
		guesses++;
	ok(guesses >= 10 && guesses <= 20 && wait > 0, "%d guesses, then wait %d s", guesses, wait);
	ok(try("192.0.2.8", "alice", "guess", &caller) > 0, "from another address as well");
	is_int(try("192.0.2.9", "alice", "other", &caller), 0, "she herself, known from before, is let in");
	is_int(try("192.0.2.7", "ci", secret, &caller), 0, "and a robot with the right secret");
	is_int(try("192.0.2.8", "bob", "guess", &caller), -1, "others are not touched");
	char network[DAMPING_NAME_SIZE];
	is_str(damping_network("192.0.2.7", network), "192.0.2.7", "an IPv4 address is counted alone");
	is_str(damping_network("2001:db8:1:2:3:4:5:6", network), "2001:db8:1:2::", "an IPv6 one with its network");
	is_str(damping_network("::ffff:192.0.2.7", network), "::ffff:192.0.2.7", "an IPv4 one in IPv6 alone");
	is_str(damping_network("unix", network), "unix", "and what is none as it is");
	damping_init(&small);
	for (int i = 0; i < 40; i++)
		damping_charge(&small, DAMPING_ADDRESS, "a", 1000);
	is_int(damping_charge(&small, DAMPING_ADDRESS, "a", 1000), 2, "an address that is full waits");
	is_int(damping_charge(&small, DAMPING_ADDRESS, "a", 3000), 0, "for as long as it was told");
	is_int(damping_charge(&small, DAMPING_USER, "a", 1000), 0, "a user of that name is another thing");
	for (int i = 0; i < 100000; i++) {
		char name[16];
		snprintf(name, sizeof name, "%d", i);
		damping_charge(&small, DAMPING_USER, name, 3000);
	}
	ok(damping_charge(&small, DAMPING_ADDRESS, "a", 3000) > 0, "and a hundred thousand names do not wash a full one out");
}

int main(void)
{
	char folder[] = "/tmp/sampan-login.XXXXXX";
	struct store *store _cleanup_(store_close) = NULL;
	struct access_settings *settings _cleanup_(access_settings_free) = NULL;
	struct registry_options options = { 0 };
	struct error err = { 0 };

	if (!mkdtemp(folder))
		return 2;
	works(store_open(folder, &store, &err), &err, "a store");
	works(access_set_anonymous(&options, "none", &err), &err, "nothing without a log-in");
	settings = options.access;
	make_user(store, "first", "password");
	works(access_start(store, settings, true, NULL, &access_of, &err), &err, "access");
	passwords(store);
	robots(store);
	tokens(store);
	certificates();
	damping(store);
	access_stop(&access_of);
	works(dir_remove(AT_FDCWD, folder, &err), &err, "cleaned up");
	return done();
}
