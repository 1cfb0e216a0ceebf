# Completion of vcpuid in bash 4.4 and newer: vcpuid itself is asked. Where it has no answer, names of files are offered.

_vcpuid() {
    local IFS=$' \t\n' at before=0 kind value
    local -a words=()
    COMPREPLY=()
    # To bash --option=value is three words, to vcpuid an option and its value.
    for at in "${!COMP_WORDS[@]}"; do
        [[ ${COMP_WORDS[at]} != = || $at -eq $COMP_CWORD ]] || continue
        words+=("${COMP_WORDS[at]}")
        ((at >= COMP_CWORD)) || ((before += 1))
    done
    while IFS=, read -r kind value; do
        [[ $kind != plain || -z $value ]] || COMPREPLY+=("$value")
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$before _VCPUID_COMPLETE=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -o bashdefault -o default -F _vcpuid vcpuid
