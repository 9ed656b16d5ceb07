#!/usr/bin/env bats
# Completion in real shells. What the words may be is asked of the program (src/cmd/complete.c); shell.py presses TAB.
load common

setup_file() {
  setup_folder
  export PATH=$T/bin:$PATH
  mkdir "$T/bin"
  ln -s "$SAMPAN" "$T/bin/sampan"
  busybox_tar "$T/busybox.tar"
  "$SAMPAN" import -q "$T/busybox.tar" 127.0.0.1:6000/team/busybox:1.36
  "$SAMPAN" tag 127.0.0.1:6000/team/busybox:1.36 redis
  "$SAMPAN" create --name cache-1 redis true
  "$SAMPAN" volume create data-1
}
teardown_file() { remove_folder; }

words() { sampan __complete -- "$@" | cut -f1; }

# What each shell makes of the same line.
LINES=('sampan rest' 'sampan pull --plat' 'sampan run --restart=unl' 'sampan run --restart unl' 'sampan inspect 127.0.0.1:6000/team/busybox:1.3' 'sampan stop cac'
  'sampan volume rm dat' 'sampan registry ins' 'sampan load -i /etc/host.con' 'sampan build --platform linux/amd64,linux/risc' 'sampan help restar')
COMPLETED='sampan restart
sampan pull --platform
sampan run --restart=unless-stopped
sampan run --restart unless-stopped
sampan inspect 127.0.0.1:6000/team/busybox:1.36
sampan stop cache-1
sampan volume rm data-1
sampan registry inspect
sampan load -i /etc/host.conf
sampan build --platform linux/amd64,linux/riscv64
sampan help restart'

@test "bash completes commands, options, values, names with colons and files" {
  diff <(printf '%s\n' "$COMPLETED") <(python3 "$BATS_TEST_DIRNAME/shell.py" bash "${LINES[@]}" | sed 's/ $//')
}

@test "zsh completes the same" {
  command -v zsh >/dev/null || skip "no zsh here"
  diff <(printf '%s\n' "$COMPLETED") <(python3 "$BATS_TEST_DIRNAME/shell.py" zsh "${LINES[@]}" | sed 's/ $//')
}

@test "fish completes the same" {
  command -v fish >/dev/null || skip "no fish here"
  local line
  for line in "${LINES[@]}"; do
    printf '%s%s\n' "${line% *} " "$(fish --no-config -c 'sampan completion fish | source; complete -C $argv[1]' -- "$line" | cut -f1)"
  done >"$T/fish"
  diff <(printf '%s\n' "$COMPLETED") "$T/fish"
}

@test "every command and every option of its help is offered" {
  local command
  diff <(sampan help | awk '/^  [a-z]/ { print $1 }') <(words '')
  for command in $(words ''); do
    diff <(sampan "$command" --help | grep -oP '^  (-., |    )--\K[a-z0-9-]+' | sort -u) <(words "$command" -- | sed 's/^--//' | sort) || { echo "$command"; return 1; }
  done
}

@test "alternatives, parts and nouns of the usage line" {
  [ "$(words run --network '' | head -3 | tr '\n' ' ')" = "default host none " ]
  [ "$(words volume '' | tr '\n' ' ')" = "create ls inspect rm prune " ]
  [ "$(words volume ls '')" = "" ]
  [[ "$(words registry '' | tr '\n' ' ')" = "ls tags inspect rm df retain gc fsck health " ]]
  [ "$(words inspect cache)" = cache-1 ]
  [ "$(words exec cache-1 '')" = "" ]
  "$SAMPAN" network create front-1
  [ "$(words network rm fron)" = front-1 ]
  [ "$(words network connect front-1 cac)" = cache-1 ]
  [ "$(words run --network fron)" = front-1 ]
  [ "$(words twin build redi)" = redis:latest ]
  [ "$(words save -o '')" = :files ]
  [ "$(words run -dp '')" = "" ]
  [ "$(words run -v '' | tr '\n' ' ')" = "data-1 :files " ]
  [ "$(words kill -- cache-)" = cache-1 ]
  [ "$(words supervise '')" = "" ]
}

@test "it is silent without a store, makes none, and finds the one of --root" {
  run sampan __complete -- --root "$T/none" inspect ''
  [ "$status" -eq 0 ] && [ -z "$output" ] && [ ! -e "$T/none" ]
  SAMPAN_ROOT=$T/none run sampan __complete -- inspect ''
  [ "$status" -eq 0 ] && [ -z "$output" ] && [ ! -e "$T/none" ]
  mkdir "$T/broken"
  echo nonsense >"$T/broken/sampan.db"
  run sampan __complete -- --root="$T/broken" inspect ''
  [ "$status" -eq 0 ] && [ -z "$output" ]
  [ "$(SAMPAN_ROOT=$T/none words --root "$SAMPAN_ROOT" inspect cac)" = cache-1 ]
  run sampan __complete -- nosuch ''
  [ "$status" -eq 0 ] && [ -z "$output" ]
}

@test "a store that is locked is not waited for" {
  flock -F "$SAMPAN_ROOT" sleep 30 3>&- &
  local holder=$! begun=$SECONDS
  sleep 0.2
  words inspect '' || true
  end "$holder"
  [ $((SECONDS - begun)) -le 4 ]
}

@test "an answer takes 20 ms of the processor at most" {
  python3 - <<'END'
import os, resource, subprocess
RUNS = 20  # the processor's time, since the machine may be busy
for _ in range(RUNS):
    subprocess.run([os.environ["SAMPAN"], "__complete", "--", "inspect", ""], stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
mean = (used.ru_utime + used.ru_stime) / RUNS
print(f"{mean * 1000:.1f} ms")
assert mean <= 0.020
END
}

@test "what is typed wrong is an error" {
  run sampan completion tcsh
  [ "$status" -eq 2 ]
  [[ "$output" == *"bash, zsh and fish"* ]]
}
