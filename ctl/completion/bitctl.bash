# bash completion of bitctl, which knows itself what may follow (bitctl --complete).
_bitctl() {
    local line=${COMP_LINE:0:COMP_POINT} words cur kept answer
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cur=${words[-1]}
    # What bash keeps of the word: it parts words at these, and puts the answer behind the last of them.
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
