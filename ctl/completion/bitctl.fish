# fish completion of bitctl, which knows itself what may follow (bitctl --complete).
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
