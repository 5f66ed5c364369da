# fish completion of bitctl: `bitctl --complete` prints what may follow.
function __bitctl_complete
    set -l typed (commandline -opc) "$(commandline -ct)"
    for answer in ($typed[1] --complete $typed[2..-1] 2>/dev/null)
        switch $answer
            case :files
                __fish_complete_path "$typed[-1]"
            case ':*'
            case '*'
                echo $answer
        end
    end
end
complete -c bitctl -f -a '(__bitctl_complete)'
