# bash completion of bitctl: `bitctl --complete` prints what may follow.
_bitctl() {
    local line=${COMP_LINE:0:COMP_POINT} words cur kept answer
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cur=${words[-1]}
    # bash also splits words at = and :, and replaces only what follows the last of them: strip the part that it keeps.
    kept=
    [[ $cur == *[=:]* ]] && kept=${cur%"${cur##*[=:]}"}
    while IFS= read -r answer; do
        case $answer in
            :files) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur") ;;
            :nospace) compopt -o nospace ;;
            *) answer=${answer%%$'\t'*}; COMPREPLY+=("${answer#"$kept"}") ;;
        esac
    done < <("${words[0]}" --complete "${words[@]:1}" 2>/dev/null)
}
complete -F _bitctl bitctl
