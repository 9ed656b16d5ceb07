# bash completion for sampan. The program knows the words: see 'sampan completion --help'.
_sampan() {
  local line=${COMP_LINE:0:COMP_POINT} word IFS=$' \t\n'
  local -a words
  read -ra words <<<"$line"
  [[ $line != *[[:space:]] ]] || words+=('')
  # bash breaks words at ':' and '=' as well, and puts in only what follows the last of them.
  local typed=${words[${#words[@]} - 1]} broken=
  [[ $typed != *[:=]* ]] || broken=${typed%"${typed##*[:=]}"}
  [[ $COMP_WORDBREAKS == *:* || $broken == *=* ]] || broken=
  while IFS=$'\t' read -r word _; do
    if [[ $word != :files ]]; then
      COMPREPLY+=("${word#"$broken"}")
      continue
    fi
    compopt -o filenames
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${typed##*=}")
  done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _sampan sampan
