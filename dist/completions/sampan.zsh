#compdef sampan
# zsh completion for sampan. The program knows the words: see 'sampan completion --help'.
_sampan() {
  local line files
  local -a described
  for line in "${(@f)$($words[1] __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
    :files) files=yes ;;
    ?*) described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( ! $#described )) || _describe -t words sampan described
  [[ -z $files ]] || { compset -P '--*='; _files; }
}
if [[ ${funcstack[1]} = _sampan ]]; then _sampan "$@"; else compdef _sampan sampan; fi
