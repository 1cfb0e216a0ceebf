# Completion of vcpuid in fish: vcpuid itself is asked. Where it has no answer, names of files are offered.

function __vcpuid_complete
    set -l word (commandline -ct)
    set -l program (commandline -opc)[1]
    set -l option (string match -r '^--[^=]*=' -- $word) # of --option=value fish wants the whole
    set -l answer (COMP_WORDS=(commandline -cp) COMP_CWORD="$word" _VCPUID_COMPLETE=fish_complete $program 2>/dev/null)
    string replace --filter -r -- '^plain,' "$option" $answer
    or __fish_complete_path (string replace -r -- '^--[^=]*=' '' $word) | string replace -r -- '^' "$option"
end

complete -c vcpuid -f -a '(__vcpuid_complete)'
