#compdef vcpuid
# Completion of vcpuid in zsh: vcpuid itself is asked. Where it has no answer, names of files are offered.

_vcpuid() {
    local -a answer offered
    local kind value told

    answer=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) _VCPUID_COMPLETE=zsh_complete "${words[1]}" 2>/dev/null)}")
    for kind value told in $answer; do
        [[ $kind == plain && -n $value ]] || continue
        value=${value//:/\\:}
        [[ $told == _ ]] && offered+=($value) || offered+=($value:$told)
    done
    [[ ${words[CURRENT]} != --*=* ]] || compset -P '*='
    if (( $#offered )); then
        _describe -V values offered -U
    else
        _files
    fi
}

# The file of a function that zsh loads, or a text that a start-up file evaluates.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _vcpuid "$@"
else
    compdef _vcpuid vcpuid
fi
