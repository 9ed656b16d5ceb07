# sampan build --check: what it finds, prints and returns. Nothing is built, no store is made.
load common
setup_file() { setup_folder; }
teardown_file() { remove_folder; }

context() { # DOCKERFILE-TEXT
  rm -rf "$T/context" && mkdir "$T/context" && printf "$1" >"$T/context/Dockerfile"
}

@test "a clean Dockerfile" {
  context 'FROM alpine\nCMD ["sh"]\n'
  run "$SAMPAN" build --check "$T/context"
  [ "$status" -eq 0 ] && [ "$output" = 'Check complete, no warnings found.' ]
  [ ! -e "$SAMPAN_ROOT" ]
}

@test "a warning shows the rule, its page and the lines" {
  context 'FROM alpine\nCMD sh\n'
  run "$SAMPAN" build --check "$T/context"
  [ "$status" -eq 1 ]
  [ "${lines[0]}" = 'Check complete, 1 warning has been found!' ]
  [[ $output == *'WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/'* ]]
  [[ $output == *'   2 | >>> CMD sh'* ]]
}

@test "JSON" {
  context 'FROM alpine\nCMD sh\n'
  run "$SAMPAN" --format json build --check "$T/context"
  [ "$status" -eq 1 ]
  [ "$(jq -r '.[0] | .rule, .line' <<<"$output" | paste -sd' ')" = 'JSONArgsRecommended 2' ]
}

@test "a source that .dockerignore hides" {
  context 'FROM alpine\nCOPY secret /\n'
  echo secret >"$T/context/.dockerignore"
  run "$SAMPAN" build --check "$T/context"
  [ "$status" -eq 1 ] && [[ $output == *CopyIgnoredFile* ]]
}

@test "the check directive skips" {
  context '# check=skip=JSONArgsRecommended\nFROM alpine\nCMD sh\n'
  run "$SAMPAN" build --check "$T/context"
  [ "$status" -eq 0 ]
}

@test "an unknown instruction: file, line, the lines around it, the nearest name" {
  context 'FROM alpine\nRUNN make\nCMD ["x"]\n'
  run "$SAMPAN" build --check "$T/context"
  [ "$status" -eq 1 ]
  [[ $output == *'Dockerfile:2: unknown instruction: RUNN (did you mean RUN?)'* ]]
  [[ $output == *'   1 |     FROM alpine'*'   2 | >>> RUNN make'*'   3 |     CMD ["x"]'* ]]
}
