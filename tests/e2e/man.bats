#!/usr/bin/env bats
# The manual pages say what the program does: man.py compares them with it.
load common

@test "every command and option has its page and nothing else does; scdoc and man take all of them" {
  command -v scdoc >/dev/null || skip "no scdoc here"
  command -v man >/dev/null || skip "no man here"
  python3 "$BATS_TEST_DIRNAME/man.py" "$TOP/doc/man" >"$BATS_TEST_TMPDIR/tap" || { grep -A1 '^not ok' "$BATS_TEST_TMPDIR/tap"; return 1; }
  [ "$(grep -c '^ok' "$BATS_TEST_TMPDIR/tap")" -gt 200 ]
}

@test "the check sees what is missing and what is too much" {
  mkdir -p "$BATS_TEST_TMPDIR/doc"
  cp -r "$TOP/doc/man" "$BATS_TEST_TMPDIR/doc/"
  ln -s "$TOP/src" "$BATS_TEST_TMPDIR/src"
  cd "$BATS_TEST_TMPDIR/doc/man"
  rm sampan-gc.1.scd
  sed -i 's/^\*-a\*, \*--all-platforms\*/*--everything*/' sampan-pull.1.scd
  sed -i 's/^\*--dry-run\*/*--dry-run* _WHEN_/' sampan-prune.1.scd
  run python3 "$BATS_TEST_DIRNAME/man.py" .
  [ "$status" -eq 1 ]
  [[ "$output" == *"not in the page: --all-platforms (-a); not in the program: --everything"* ]]
  [[ "$output" == *$'not ok 1 - every command has one page\n# '*"gc"* ]]
}

@test "meson installs the pages that are there" {
  diff <(sed -n "s/^  '\(sampan.*\.[157]\)',$/\1/p" "$TOP/doc/man/meson.build") <(cd "$TOP/doc/man" && ls *.scd | sed 's/\.scd$//' | LC_ALL=C sort)
}
