/* Files of accounts, both kinds: what is accepted has valid names, each once, and hashes of a kind and cost that we pay for. */
#include <stdint.h>

#include "registry/account.h"
#include "registry/password.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct accounts *accounts)
{
	for (size_t i = 0; i < accounts->len; i++) {
		const struct account *account = &accounts->items[i];
		if (!account_name_valid(account->name) || (!account->robot && password_hash_check(account->hash, NULL) < 0))
			abort();
		for (size_t j = 0; j < i; j++)
			if (str_equal(account->name, accounts->items[j].name))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct accounts accounts _cleanup_(accounts_free) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	int result = size && data[0] == '{' ? accounts_parse((const char *)data, size, &accounts, &err) : htpasswd_parse((const char *)data, size, &accounts, &err);

	if (result < 0 && (accounts.len || !err.message))
		abort();
	check(&accounts);
	return 0;
}
